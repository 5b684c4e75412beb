/** The judged metrics corrected for the judge's errors, beside the number and never in its place. */
import { Outside } from "../common/outside";
import type { Run } from "../payload";

export function Corrected({ run }: { run: Run }) {
  if (!run.corrected.length) return null;
  return (
    <section class="card" aria-labelledby="corrected">
      <h2 id="corrected">Corrected by a judge card</h2>
      {run.corrected.map((line) => (
        <p key={line}>
          <Outside text={line} />
        </p>
      ))}
    </section>
  );
}
