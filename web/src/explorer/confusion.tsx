/** Answer against target of multiple-choice samples: a matrix whose cells filter the list. */
import { changeState, type State } from "../common/hash";
import { count } from "../common/format";
import { Outside, plain } from "../common/outside";
import type { Run } from "../payload";
import { NO_ANSWER } from "./rows";
import { facet, type List } from "./use_list";

/** Letters of options; more than these is no matrix that one can read. */
const MOST = 12;

export function Confusion({ list, runs, state }: { list: List; runs: readonly Run[]; state: State }) {
  if (runs.some((run) => run.task !== "mc_qa")) return null;
  const cells = new Map<string, Map<string, number>>();
  const answers = new Set<string>();
  let most = 0;
  for (const [cell, n] of facet(list, "cell") as Map<string, number>) {
    const [target, answer] = JSON.parse(cell) as [string, string];
    if (!cells.has(target)) cells.set(target, new Map());
    cells.get(target)!.set(answer, n);
    answers.add(answer);
    most = Math.max(most, n);
  }
  const targets = [...cells.keys()].sort();
  const columns = [...new Set([...targets, ...answers])].sort(noneLast);
  if (!targets.length || columns.length > MOST) return null;
  const toggle = (target: string, answer: string) => {
    const chosen = state.target === target && state.answer === answer;
    changeState({ target: chosen ? null : target, answer: chosen ? null : answer });
  };
  return (
    <details class="confusion" open={innerWidth > 700}>
      <summary>Answer against target</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label="Answer against target">
        <table>
          <caption class="hidden">Number of samples by target, in rows, and answer, in columns</caption>
          <thead>
            <tr>
              <th scope="col" class="corner">
                target, answer {"\u2192"}
              </th>
              {columns.map((answer) => (
                <th key={answer} scope="col">
                  <Outside text={answer} limit={12} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {targets.map((target) => (
              <tr key={target}>
                <th scope="row">
                  <Outside text={target} limit={12} />
                </th>
                {columns.map((answer) => {
                  const n = cells.get(target)!.get(answer) ?? 0;
                  const level = n ? Math.ceil((5 * n) / most) : 0;
                  return (
                    <td key={answer}>
                      <button
                        type="button"
                        class={`cell l${level}${answer === target ? " same" : ""}`}
                        aria-pressed={state.target === target && state.answer === answer}
                        aria-label={`target ${plain(target, 12)}, answer ${plain(answer, 12)}: ${count(n)}`}
                        onClick={() => toggle(target, answer)}
                      >
                        {n || ""}
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function noneLast(a: string, b: string): number {
  return Number(a === NO_ANSWER) - Number(b === NO_ANSWER) || a.localeCompare(b);
}
