/** What makes the number not comparable with others. */
import { Outside } from "../common/outside";
import type { Run } from "../payload";

export function Caveats({ run }: { run: Run }) {
  return (
    <section class="card" aria-labelledby="caveats">
      <h2 id="caveats">Is it comparable with other numbers?</h2>
      {run.caveats.length ? (
        <ul class="caveats">
          {run.caveats.map((caveat) => (
            <li key={caveat}>
              <Outside text={caveat} />
            </li>
          ))}
        </ul>
      ) : (
        <p>No reason is known why not: compare it with numbers of the same split, frames, judge and accounting.</p>
      )}
    </section>
  );
}
