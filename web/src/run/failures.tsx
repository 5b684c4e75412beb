/** What ended without a value and why, and which videos were missing. Each reason leads to its samples. */
import { count, counted, percent } from "../common/format";
import { StateLink } from "../common/link";
import { OutcomeSign, OUTCOMES } from "../common/outcome";
import { Outside } from "../common/outside";
import type { Outcome, Run } from "../payload";

export function Failures({ run }: { run: Run }) {
  const { counts } = run;
  const without = counts.invalid + counts.model_failed + counts.judge_failed;
  const missing = run.coverage.filter((row) => row.present < row.total);
  return (
    <section class="card" aria-labelledby="failures">
      <h2 id="failures">Failures and coverage</h2>
      <p>
        {run.unfinished
          ? `${counted(counts.total, "sample")} so far, ${count(counts.model_failed)} of them failed.`
          : `${count(counts.scored)} of ${counted(counts.total, "sample")} scored (${percent(counts.scored, counts.total)})` +
            (without ? `, ${count(without)} without a value.` : ".")}
      </p>
      <OutcomeBar run={run} />
      {run.failures.length > 0 && (
        <ul class="reasons">
          {run.failures.map(({ status, reason, label, n }) => (
            <li key={status + label}>
              <StateLink to={{ tab: "samples", run: run.name, outcome: status, reason }}>
                <OutcomeSign outcome={status} />
                <span class="reason">
                  <Outside text={label} />
                </span>
                <span class="n">{count(n)}</span>
              </StateLink>
            </li>
          ))}
        </ul>
      )}
      <h3>Videos</h3>
      {missing.length ? (
        <ul>
          {missing.map((row) => (
            <li key={row.subset}>
              {row.subset && (
                <>
                  <Outside text={row.subset} />:{" "}
                </>
              )}
              {count(row.total - row.present)} of {counted(row.total, "sample")} without a video
            </li>
          ))}
        </ul>
      ) : (
        <p>{run.coverage.length ? "All videos were found." : "How many were found is not recorded here."}</p>
      )}
      {run.clip_notes.length > 0 && (
        <ul>
          {run.clip_notes.map(({ note, n }) => (
            <li key={note}>
              {counted(n, "clip")}: <Outside text={note} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** How samples ended, as one bar; each part leads to its samples. */
function OutcomeBar({ run }: { run: Run }) {
  const tally = new Map<Outcome, number>();
  for (const { outcome } of run.samples) tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
  const parts = (Object.keys(OUTCOMES) as Outcome[]).filter((outcome) => tally.has(outcome));
  return (
    <ul class="outcomes">
      {parts.map((outcome) => (
        <li key={outcome} style={{ flexGrow: tally.get(outcome)! }}>
          <StateLink to={{ tab: "samples", run: run.name, outcome }} class={outcome}>
            <OutcomeSign outcome={outcome} word />
            <span class="n">{count(tally.get(outcome)!)}</span>
          </StateLink>
        </li>
      ))}
    </ul>
  );
}
