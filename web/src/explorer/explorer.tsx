/** The samples: filters and a list, and beside it the one that is open. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { changeState, useHashState } from "../common/hash";
import { StateLink } from "../common/link";
import { Outside } from "../common/outside";
import type { Run } from "../payload";
import { Detail } from "./detail";
import { Filters } from "./filters";
import { Help, useKeyboard } from "./keyboard";
import { SampleList } from "./list";
import { prepareSearch, type Row } from "./rows";
import { useList } from "./use_list";

export function Explorer({ runs }: { runs: readonly Run[] }) {
  const state = useHashState();
  const list = useList(runs, state);
  const rows = list.getRowModel().rows;
  const open = useMemo(() => findOpen(runs, state.sample, state.of), [runs, state.sample, state.of]);
  const search = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const at = open ? rows.findIndex((row) => row.original.sample === open.sample) : -1;
  const step = (by: number) => {
    const next = rows[at < 0 ? 0 : at + by];
    if (next) openSample(next.original, runs.length > 1);
  };
  useEffect(() => prepareSearch(runs), [runs]);
  useKeyboard({ step, search, help, isOpen: state.sample !== undefined });
  return (
    <div class={state.sample ? "explorer open" : "explorer"}>
      <section class="pane list" aria-label="List of samples">
        <Filters list={list} runs={runs} state={state} search={search} help={help} />
        <SampleList list={list} runs={runs} open={open?.sample} />
      </section>
      {state.sample && (
        <section class="pane detail" aria-label="Sample">
          {open ? (
            <Detail key={open.sample.id} row={open} at={at} of={rows.length} step={step} />
          ) : (
            <p class="empty">
              There is no sample <Outside text={state.sample} limit={200} /> here.{" "}
              <StateLink to={{ sample: null, of: null }}>Close</StateLink>
            </p>
          )}
        </section>
      )}
      <Help dialog={help} />
    </div>
  );
}

export function openSample({ run, sample }: Pick<Row, "run" | "sample">, several: boolean): void {
  changeState({ sample: sample.id, of: several ? run.name : null });
}

/** Ids are unique in a benchmark; `of` names it where the page shows several. */
function findOpen(runs: readonly Run[], id: string | undefined, of: string | undefined): Row | undefined {
  if (!id) return undefined;
  for (const run of runs) {
    if (of && run.name !== of) continue;
    const position = run.samples.findIndex((sample) => sample.id === id);
    if (position >= 0) return { run, sample: run.samples[position]!, position };
  }
  return undefined;
}
