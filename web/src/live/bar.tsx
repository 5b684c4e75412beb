/** How far a running evaluation is: done, rate, time left, workers, the newest failure and the newest samples. */
import { count, duration, percent } from "../common/format";
import { StateLink } from "../common/link";
import { OutcomeSign } from "../common/outcome";
import { Outside, plain } from "../common/outside";
import type { Run, Sample } from "../payload";
import type { Live } from "./use_live";

const STATES = { running: "Running", scoring: "Scoring", finished: "Finished", stopped: "Stopped" };
const NEWEST = 5;

export function LiveBar({ live: { news, page, connected, trouble } }: { live: Live }) {
  if (!news) return null;
  const { done, total, rate, seconds_left, state, workers } = news;
  // Benchmarks are predicted one after the other: the newest samples are those of the one that was written to last.
  const runs = page.runs.filter((run) => run.unfinished && run.samples.length).sort((a, b) => a.updated - b.updated);
  const all = runs.flatMap((run) => run.samples.map((sample) => ({ run, sample })));
  const failed = all.filter(({ sample }) => sample.outcome === "model_failed" || sample.outcome === "judge_failed");
  return (
    <section class="card live" aria-label="Progress">
      <p class="line">
        <b class={`state ${connected ? state : "stopped"}`}>{connected ? STATES[state] : trouble}</b>
        <span role="status">
          {total ? `${count(done)} of ${count(total)} (${percent(done, total)})` : "nothing predicted yet"}
        </span>
        {rate !== null && total > 0 && <span>{rate.toFixed(rate < 10 ? 1 : 0)} samples/s</span>}
        {seconds_left !== null && state === "running" && <span>{duration(seconds_left)} left</span>}
      </p>
      <progress max={total || 1} value={done} aria-label="Samples done" />
      <div class="newest">
        {all.length > 0 && <Newest title="Newest samples" found={all.slice(-NEWEST)} />}
        {failed.length > 0 && <Newest title={`Newest of ${count(failed.length)} failures`} found={failed.slice(-NEWEST)} />}
        {workers.length > 1 && (
          <div>
            <h3>Workers</h3>
            <ul>
              {workers.map(({ name, samples, waiting }) => (
                <li key={name}>
                  <Outside text={name} />: {count(samples)} samples, waiting {percent(waiting, 1)} of the time
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </section>
  );
}

function Newest({ title, found }: { title: string; found: { run: Run; sample: Sample }[] }) {
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {[...found].reverse().map(({ run, sample }) => (
          <li key={run.name + sample.id}>
            <StateLink to={{ tab: "samples", run: null, sample: sample.id, of: run.name }}>
              <OutcomeSign outcome={sample.outcome} />
              <bdi>{plain(sample.id, 60)}</bdi>
            </StateLink>{" "}
            <bdi>{plain(sample.reason ?? sample.output ?? "", 90)}</bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}
