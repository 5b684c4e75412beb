/** The samples of both runs: filters and a list, and beside it the outputs of the one that is open. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { count } from "../common/format";
import { changeState, useHashState } from "../common/hash";
import { StateLink } from "../common/link";
import { OutcomeSign } from "../common/outcome";
import { plain } from "../common/outside";
import { useVirtualizer } from "../common/virtual";
import { Choice, Search } from "../explorer/filters";
import { Found } from "../explorer/found";
import { Help, useKeyboard } from "../explorer/keyboard";
import { Gap, SampleName } from "../explorer/list";
import { prepareSearch } from "../explorer/rows";
import type { Comparison, Run } from "../payload";
import { Sides } from "./sides";
import { pairsOf, passes, TURNS, type Pair, type Turn } from "./turns";

const ROW = 34;
const HEAD = 32;
const FILTERS = ["turn", "disputed", "subset", "q"] as const;

export function PairedSamples({ comparison, runs }: { comparison: Comparison; runs: readonly Run[] }) {
  const state = useHashState();
  const { turn, disputed, subset, q } = state;
  const all = useMemo(() => pairsOf(comparison, runs), [comparison, runs]);
  const turns = useMemo(() => (turn ? turn.split(",") : []), [turn]);
  const wanted = { turns, disputed: disputed !== undefined, subset, text: q?.toLowerCase() };
  const rows = useMemo(() => all.filter((pair) => passes(pair, wanted)), [all, turns, disputed, subset, q]);
  const open = useMemo(() => all.find((pair) => pair.first.id === state.sample), [all, state.sample]);
  const at = open ? rows.indexOf(open) : -1;
  const search = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const step = (by: number) => {
    const next = rows[at < 0 ? 0 : at + by];
    if (next) changeState({ sample: next.first.id });
  };
  useEffect(() => prepareSearch([runs[comparison.first]!, runs[comparison.second]!]), [comparison, runs]);
  useKeyboard({ step, search, help, isOpen: open !== undefined });
  return (
    <div class={open ? "explorer open pairs" : "explorer pairs"}>
      <section class="pane list" aria-label="List of samples">
        <search class="filters">
          <div class="line">
            <Search field={search} value={q ?? ""} />
            <button type="button" class="quiet" onClick={() => help.current?.showModal()}>
              Keys
            </button>
          </div>
          <Turns all={all} turns={turns} disputed={disputed !== undefined} />
          <div class="line">
            <Choice name="Subset" field="subset" value={subset} values={subsetsOf(all)} />
          </div>
          <Found shown={rows.length} total={all.length} state={state} filters={FILTERS} />
        </search>
        <List rows={rows} open={open} run={runs[comparison.first]!} />
      </section>
      <section class="pane detail" aria-label="Sample">
        {open ? (
          <Sides key={open.first.id} pair={open} comparison={comparison} runs={runs} at={at} of={rows.length} step={step} />
        ) : (
          <p class="empty">
            Choose a sample from the list, or press <kbd>j</kbd>. <kbd>?</kbd> lists all keys.
          </p>
        )}
      </section>
      <Help dialog={help} />
    </div>
  );
}

function Turns({ all, turns, disputed }: { all: readonly Pair[]; turns: readonly string[]; disputed: boolean }) {
  const counts = useMemo(() => {
    const found = { gained: 0, lost: 0, same: 0, disputed: 0 };
    for (const pair of all) {
      found[pair.turn] += 1;
      if (pair.disputed) found.disputed += 1;
    }
    return found;
  }, [all]);
  const toggle = (turn: Turn) => {
    const next = turns.includes(turn) ? turns.filter((other) => other !== turn) : [...turns, turn];
    changeState({ turn: next.join(",") });
  };
  return (
    <div class="line chips" role="group" aria-label="Change">
      {(Object.keys(TURNS) as Turn[]).map((turn) => (
        <button type="button" key={turn} class="chip" aria-pressed={turns.includes(turn)} onClick={() => toggle(turn)}>
          <TurnSign turn={turn} word /> <span class="n">{count(counts[turn])}</span>
        </button>
      ))}
      {(counts.disputed > 0 || disputed) && (
        <button
          type="button"
          class="chip"
          aria-pressed={disputed}
          onClick={() => changeState({ disputed: disputed ? null : "1" })}
        >
          <span class="turn">
            <span class="sign" aria-hidden="true">
              {"\u2260"}
            </span>
            judges differ
          </span>{" "}
          <span class="n">{count(counts.disputed)}</span>
        </button>
      )}
    </div>
  );
}

export function TurnSign({ turn, word = false }: { turn: Turn; word?: boolean }) {
  return (
    <span class={`turn ${turn}`}>
      <span class="sign" aria-hidden="true">
        {TURNS[turn].sign}
      </span>
      <span class={word ? undefined : "hidden"}>{TURNS[turn].word}</span>
    </span>
  );
}

function subsetsOf(all: readonly Pair[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { first } of all)
    for (const name of new Set([first.subset, ...first.groups])) if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts];
}

function List({ rows, open, run }: { rows: readonly Pair[]; open: Pair | undefined; run: Run }) {
  const box = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
    scrollPaddingStart: HEAD,
  });
  const at = open ? rows.indexOf(open) : -1;
  useEffect(() => {
    if (at >= 0) virtualizer.scrollToIndex(at, { align: "auto" });
  }, [at]);
  const items = virtualizer.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div class="rows" ref={box} tabIndex={0} role="group" aria-label="Samples">
      <table aria-rowcount={rows.length + 1}>
        <caption class="hidden">Samples of both runs</caption>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" class="ending">
              <span class="hidden">Change</span>
            </th>
            <th scope="col" class="name">
              Sample
            </th>
            <th scope="col" class="wanted">
              Target
            </th>
            <th scope="col" class="said">
              First
            </th>
            <th scope="col" class="said">
              Second
            </th>
          </tr>
        </thead>
        <tbody>
          {before > 0 && <Gap height={before} />}
          {items.map(({ index }) => {
            const pair = rows[index]!;
            const { first, second, turn } = pair;
            return (
              <tr
                key={first.id}
                class={pair === open ? "open" : undefined}
                aria-rowindex={index + 2}
                onClick={() => changeState({ sample: first.id })}
              >
                <td class="ending">
                  <TurnSign turn={turn} />
                </td>
                <th scope="row" class="name">
                  <StateLink to={{ sample: first.id }} current={pair === open}>
                    <SampleName run={run} id={first.id} />
                  </StateLink>
                </th>
                <td class="wanted">
                  <bdi>{plain(first.target, 120)}</bdi>
                </td>
                {[first, second].map((sample, i) => (
                  <td key={i} class="said">
                    <OutcomeSign outcome={sample.outcome} />
                    <bdi>{plain(sample.answer ?? sample.output ?? "\u2013", 120)}</bdi>
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <Gap height={after} />}
        </tbody>
      </table>
      {!rows.length && <p class="empty">No sample passes these filters.</p>}
    </div>
  );
}
