/** Figures for papers, which lie beside the page. */
import { plain } from "../common/outside";
import type { Leaderboard } from "../payload";

export function Figures({ plots }: { plots: Leaderboard["plots"] }) {
  if (!plots.length) return null;
  return (
    <section class="card full" aria-labelledby="figures">
      <h2 id="figures">Figures</h2>
      <div class="figures">
        {plots.map(({ title, svg, png }) => (
          <figure key={svg}>
            <img src={svg} alt={plain(title)} />
            <figcaption>
              {plain(title)}: <a href={svg}>SVG</a>, <a href={png}>PNG</a>
            </figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}
