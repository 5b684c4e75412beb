/** The filters above the list. Each shows how many samples it would leave. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../common/format";
import { changeState, type State } from "../common/hash";
import { OutcomeSign, OUTCOMES } from "../common/outcome";
import { plain } from "../common/outside";
import type { Outcome, Run } from "../payload";
import { Confusion } from "./confusion";
import { Found } from "./found";
import { facet, FILTERS, type List } from "./use_list";

interface Props {
  list: List;
  runs: readonly Run[];
  state: State;
  search: RefObject<HTMLInputElement>;
  help: RefObject<HTMLDialogElement>;
}

export function Filters({ list, runs, state, search, help }: Props) {
  const shown = list.getRowModel().rows.length;
  const total = list.getCoreRowModel().rows.length;
  return (
    <search class="filters">
      <div class="line">
        <Search field={search} value={state.q ?? ""} />
        <button type="button" class="quiet" onClick={() => help.current?.showModal()}>
          Keys
        </button>
      </div>
      <OutcomeChips list={list} chosen={state.outcome ? state.outcome.split(",") : []} />
      <div class="line">
        <Choice name="Subset" field="subset" value={state.subset} values={subsetCounts(list)} />
        <Choice name="Reason" field="reason" value={state.reason} values={entries(facet(list, "reason"))} />
      </div>
      <Confusion list={list} runs={runs} state={state} />
      <Found shown={shown} total={total} state={state} filters={FILTERS} />
    </search>
  );
}

/** Waits for a pause in the typing before the list follows. */
export function Search({ field, value }: { field: RefObject<HTMLInputElement>; value: string }) {
  const [typed, setTyped] = useState(value);
  const timer = useRef(0);
  useEffect(() => setTyped(value), [value]);
  const type = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => changeState({ q: text }, { replace: true }), 120);
  };
  return (
    <input
      ref={field}
      type="search"
      aria-label="Search in questions, answers, outputs and ids"
      placeholder="Search questions, answers, outputs, ids"
      value={typed}
      onInput={(event) => type(event.currentTarget.value)}
    />
  );
}

function OutcomeChips({ list, chosen }: { list: List; chosen: string[] }) {
  const counts = facet(list, "outcome");
  const known = (Object.keys(OUTCOMES) as Outcome[]).filter((outcome) => counts.has(outcome) || chosen.includes(outcome));
  const toggle = (outcome: string) => {
    const next = chosen.includes(outcome) ? chosen.filter((o) => o !== outcome) : [...chosen, outcome];
    changeState({ outcome: next.join(",") });
  };
  return (
    <div class="line chips" role="group" aria-label="Outcome">
      {known.map((outcome) => (
        <button
          type="button"
          key={outcome}
          class="chip"
          aria-pressed={chosen.includes(outcome)}
          onClick={() => toggle(outcome)}
        >
          <OutcomeSign outcome={outcome} word /> <span class="n">{count(counts.get(outcome) ?? 0)}</span>
        </button>
      ))}
    </div>
  );
}

interface ChoiceProps {
  name: string;
  /** Its key in the address. */
  field: "subset" | "reason";
  value: string | undefined;
  values: [string, number][];
}

export function Choice({ name, field, value, values }: ChoiceProps) {
  // The other filters may leave none of it.
  const shown = !value || values.some(([known]) => known === value) ? values : [[value, 0] as const, ...values];
  if (!shown.length) return null;
  return (
    <label class="choice">
      <span>{name}</span>
      <select value={value ?? ""} onChange={(event) => changeState({ [field]: event.currentTarget.value })}>
        <option value="">all</option>
        {shown.map(([known, n]) => (
          <option key={known} value={known}>
            {isolated(plain(known, 80))} ({count(n)})
          </option>
        ))}
      </select>
    </label>
  );
}

/** An option holds text alone: the characters that isolate, in place of the element. */
function isolated(text: string): string {
  return `\u2068${text}\u2069`;
}

function entries(counts: Map<unknown, number>): [string, number][] {
  const known = [...counts].filter((entry): entry is [string, number] => typeof entry[0] === "string" && entry[0] !== "");
  return known.sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

/** Subsets, and then the groups that go across them. */
function subsetCounts(list: List): [string, number][] {
  const counts = new Map<string, number>();
  const groups = new Map<string, number>();
  for (const { original } of list.getColumn("subset")!.getFacetedRowModel().rows) {
    const { subset, groups: own } = original.sample;
    if (subset) counts.set(subset, (counts.get(subset) ?? 0) + 1);
    for (const group of own) if (group !== subset) groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  return [...counts, ...[...groups].filter(([name]) => !counts.has(name))];
}
