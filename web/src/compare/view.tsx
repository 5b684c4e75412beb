/** The page of a comparison: differences of each further run to the first, and the samples side by side. */
import { counted } from "../common/format";
import { changeState, useHashState } from "../common/hash";
import { StateLink } from "../common/link";
import { plain } from "../common/outside";
import type { Comparison, Page, Run } from "../payload";
import { Differences } from "./differences";
import { Overview } from "./overview";
import { PairedSamples } from "./samples";

/** Filters of samples belong to a pair of runs, so that another pair drops them. */
const NO_FILTERS = { turn: null, disputed: null, subset: null, sample: null };

export function CompareView({ page }: { page: Page }) {
  const state = useHashState();
  const comparisons = page.comparisons ?? [];
  const at = comparisons[Number(state.pair)] ? Number(state.pair) : comparisons.length === 1 ? 0 : -1;
  const chosen = comparisons[at];
  const tab = state.tab === "samples" && chosen ? "samples" : "differences";
  const turned = chosen ? chosen.gained.length + chosen.lost.length : 0;
  return (
    <>
      <div class="bar-of-parts">
        <nav aria-label="Parts of the page" class="tabs">
          <StateLink to={{ tab: null }} current={tab === "differences"}>
            Differences
          </StateLink>
          {chosen && (
            <StateLink to={{ tab: "samples" }} current={tab === "samples"}>
              Samples <span class="n">{counted(turned, "turned", "turned")}</span>
            </StateLink>
          )}
        </nav>
        {comparisons.length > 1 && (
          <label class="choice pair">
            <span>Compare</span>
            <select
              value={at < 0 ? "" : String(at)}
              onChange={(event) => changeState({ pair: event.currentTarget.value, ...NO_FILTERS })}
            >
              <option value="">all</option>
              {comparisons.map((comparison, i) => (
                <option key={i} value={String(i)}>
                  {nameOf(comparison, page.runs)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {!chosen ? (
        <Overview comparisons={comparisons} runs={page.runs} notes={page.notes ?? []} />
      ) : tab === "samples" ? (
        <PairedSamples key={at} comparison={chosen} runs={page.runs} />
      ) : (
        <Differences key={at} comparison={chosen} runs={page.runs} />
      )}
    </>
  );
}

/** The name of a pair where several are chosen from: of the models, or of the runs where these have one name. */
export function nameOf({ first, second }: Comparison, runs: readonly Run[]): string {
  const [one, other] = [runs[first]!, runs[second]!];
  const [from, to] = one.model === other.model ? [one.name, other.name] : [one.model, other.model];
  return `${plain(one.title, 40)}: ${plain(from, 60)} \u2192 ${plain(to, 60)}`;
}
