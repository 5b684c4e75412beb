/** Where the time went: a part of the bar and a row for each stage, and what each worker did. */
import { useMemo } from "preact/hooks";
import { count, duration, percent } from "../common/format";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import type { Run } from "../payload";

const WORKERS: Column<Run["workers"][number]>[] = [
  { id: "name", head: "Worker", sort: (row) => row.name, cell: (row) => <Outside text={row.name} /> },
  { id: "clips", head: "Clips", numeric: true, sort: (row) => row.clips, cell: (row) => count(row.clips) },
  { id: "samples", head: "Samples", numeric: true, sort: (row) => row.samples, cell: (row) => count(row.samples) },
  { id: "waiting", head: "Waited", numeric: true, sort: (row) => row.waiting, cell: (row) => percent(row.waiting, 1) },
];

export function Time({ run }: { run: Run }) {
  const stages = useMemo(() => run.time.filter((stage) => stage.seconds > 0), [run]);
  const sum = stages.reduce((total, { seconds }) => total + seconds, 0);
  return (
    <section class="card" aria-labelledby="time">
      <h2 id="time">Time</h2>
      {!stages.length && <p>No model ran for this result: its outputs were there already.</p>}
      {run.wall_s !== null && <p>{duration(run.wall_s)} from the first sample to the last.</p>}
      {stages.length > 0 && (
        <div class="stack" aria-hidden="true">
          {stages.map(({ stage, seconds }, i) => (
            <div
              key={stage}
              class={`part p${i % 6}`}
              style={{ flexGrow: (100 * seconds) / sum }}
              title={`${plain(stage)}: ${duration(seconds)}`}
            />
          ))}
        </div>
      )}
      <div class="time-parts">
        {stages.length > 0 && <Stages stages={stages} sum={sum} />}
        {run.workers.length > 1 && (
          <div>
            <Table caption="Workers" columns={WORKERS} rows={run.workers} />
          </div>
        )}
      </div>
    </section>
  );
}

function Stages({ stages, sum }: { stages: Run["time"]; sum: number }) {
  return (
    <table class="stages">
      <caption class="hidden">Time of each stage</caption>
      <thead>
        <tr>
          <th scope="col">Stage</th>
          <th scope="col" class="number">
            Time
          </th>
          <th scope="col" class="number">
            Share
          </th>
        </tr>
      </thead>
      <tbody>
        {stages.map(({ stage, seconds, what }, i) => (
          <tr key={stage}>
            <th scope="row">
              <span class={`swatch p${i % 6}`} aria-hidden="true" /> <Outside text={stage} />
              {what && (
                <small class="note">
                  <Outside text={what} />
                </small>
              )}
            </th>
            <td class="number">{duration(seconds)}</td>
            <td class="number">{percent(seconds, sum)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
