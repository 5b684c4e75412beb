/** What stands beside the number, and never takes its place: corrected values, repeats, what the score depends on. */
import { Outside } from "../common/outside";
import type { Run } from "../payload";

export function Beside({ run }: { run: Run }) {
  return (
    <>
      {run.beside.map(({ title, lines }, position) => (
        <section key={title} class="card" aria-labelledby={`beside-${position}`}>
          <h2 id={`beside-${position}`}>{title}</h2>
          {lines.map((line) => (
            <p key={line}>
              <Outside text={line} />
            </p>
          ))}
        </section>
      ))}
    </>
  );
}
