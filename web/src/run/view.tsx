/** The page of a run folder: its report, and its samples. */
import { useMemo } from "preact/hooks";
import { count } from "../common/format";
import { useHashState } from "../common/hash";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Explorer } from "../explorer/explorer";
import { LiveBar } from "../live/bar";
import { useLive } from "../live/use_live";
import type { Page, Run } from "../payload";
import { AllRuns } from "./all";
import { Report } from "./report";

export function RunView({ page }: { page: Page }) {
  const state = useHashState();
  const live = useLive(page);
  const { runs } = live.page;
  const chosen = runs.find((run) => run.name === state.run) ?? (runs.length === 1 ? runs[0] : undefined);
  const shown = useMemo(() => (chosen ? [chosen] : runs), [chosen, runs]);
  const samples = shown.reduce((n, run) => n + run.samples.length, 0);
  const tab = state.tab === "samples" ? "samples" : "report";
  return (
    <>
      {live.news && <LiveBar live={live} />}
      <div class="bar-of-parts">
        <nav aria-label="Parts of the page" class="tabs">
          <StateLink to={{ tab: null }} current={tab === "report"}>
            Report
          </StateLink>
          <StateLink to={{ tab: "samples" }} current={tab === "samples"}>
            Samples <span class="n">{count(samples)}</span>
          </StateLink>
        </nav>
        {runs.length > 1 && <RunSwitch runs={runs} chosen={chosen} />}
      </div>
      {tab === "samples" ? (
        <Explorer runs={shown} />
      ) : chosen ? (
        <Report key={chosen.name} run={chosen} />
      ) : (
        <AllRuns runs={runs} />
      )}
    </>
  );
}

/** A benchmark's title, and the name of the run where there are several of it. */
function titleOf(run: Run, runs: Run[]): string {
  const twins = runs.filter((other) => other.title === run.title);
  return twins.length > 1 ? `${run.title}, ${run.name}` : run.title;
}

/** Filters belong to a benchmark, so that choosing another one drops them. */
const NO_FILTERS = { subset: null, reason: null, target: null, answer: null, sample: null, of: null };

function RunSwitch({ runs, chosen }: { runs: Run[]; chosen: Run | undefined }) {
  return (
    <nav aria-label="Benchmarks" class="switch">
      <StateLink to={{ run: null, ...NO_FILTERS }} current={!chosen}>
        All
      </StateLink>
      {runs.map((run) => (
        <StateLink key={run.name} to={{ run: run.name, ...NO_FILTERS }} current={run === chosen} label={plain(titleOf(run, runs))}>
          <Outside text={titleOf(run, runs)} />
        </StateLink>
      ))}
    </nav>
  );
}
