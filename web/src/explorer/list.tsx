/** The list of samples: a table of which only the rows in sight are drawn. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { value } from "../common/format";
import { changeState } from "../common/hash";
import { StateLink } from "../common/link";
import { OutcomeSign } from "../common/outcome";
import { plain } from "../common/outside";
import { ariaSort } from "../common/table";
import { traitOf } from "../common/traits";
import { useVirtualizer } from "../common/virtual";
import type { Run, Sample } from "../payload";
import { openSample } from "./explorer";
import { sharedStart, type Row } from "./rows";
import type { List } from "./use_list";

const ROW = 34;
const HEAD = 32;
/** Characters at the end of a name that are always shown. */
const KEPT = 8;

interface Column {
  id: string;
  head: string;
  cell: (row: Row) => ComponentChildren;
  when?: (runs: readonly Run[]) => boolean;
}

const COLUMNS: Column[] = [
  { id: "ending", head: "", cell: ({ sample }) => <OutcomeSign outcome={sample.outcome} /> },
  { id: "benchmark", head: "Benchmark", cell: ({ run }) => plain(run.title, 60), when: (runs) => runs.length > 1 },
  { id: "name", head: "Sample", cell: () => null },
  {
    id: "part",
    head: "Subset",
    cell: ({ sample }) => plain(sample.subset, 60),
    when: (runs) => runs.some((run) => run.samples.some((sample) => sample.subset !== run.samples[0]?.subset)),
  },
  {
    id: "question",
    head: "Question",
    cell: ({ sample }) => plain(sample.question || sample.prompt, 160),
    when: (runs) => runs.some((run) => run.samples.some((sample) => sample.question)),
  },
  { id: "given", head: "Answer", cell: ({ sample }) => plain(sample.answer ?? sample.output ?? "\u2013", 120) },
  {
    id: "wanted",
    head: "Target",
    cell: ({ sample }) => plain(sample.target, 120),
    when: (runs) => runs.some((run) => run.samples.some((sample) => sample.target)),
  },
  {
    id: "value",
    head: "Score",
    cell: ({ run, sample }) => value(traitOf(run, run.primary).unit, sample.values[run.primary]),
    when: (runs) => runs.some((run) => run.task !== "mc_qa"),
  },
];

export function SampleList({ list, runs, open }: { list: List; runs: readonly Run[]; open: Sample | undefined }) {
  const rows = list.getRowModel().rows;
  const columns = useMemo(() => COLUMNS.filter((column) => column.when?.(runs) ?? true), [runs]);
  const box = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
    scrollPaddingStart: HEAD,
  });
  const at = open ? rows.findIndex((row) => row.original.sample === open) : -1;
  useEffect(() => {
    if (at >= 0) virtualizer.scrollToIndex(at, { align: "auto" });
  }, [at]);
  const items = virtualizer.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div class="rows" ref={box} tabIndex={0} role="group" aria-label="Samples">
      <table aria-rowcount={rows.length + 1} class={runs.every((run) => run.task === "mc_qa") ? "choices" : undefined}>
        <caption class="hidden">Samples</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.id} list={list} column={column} />
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <Gap height={before} />}
          {items.map(({ index }) => {
            const row = rows[index]!.original;
            return (
              <tr
                key={row.position}
                class={row.sample === open ? "open" : undefined}
                aria-rowindex={index + 2}
                onClick={() => openSample(row, runs.length > 1)}
              >
                {columns.map((column) =>
                  column.id === "name" ? (
                    <th key="name" scope="row" class="name">
                      <SampleLink row={row} several={runs.length > 1} current={row.sample === open} />
                    </th>
                  ) : (
                    <td key={column.id} class={column.id}>
                      <bdi>{column.cell(row)}</bdi>
                    </td>
                  ),
                )}
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

/** Keeps the scrollbar as long as all rows would. */
export function Gap({ height }: { height: number }) {
  return (
    <tr class="gap" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

function Head({ list, column: { id, head } }: { list: List; column: Column }) {
  const column = list.getColumn(id)!;
  const sorted = column.getIsSorted();
  // First down, then up, then the order of the file.
  const next = sorted === "asc" ? `-${id}` : sorted === "desc" ? null : id;
  return (
    <th scope="col" class={id} aria-sort={ariaSort(sorted)}>
      <button type="button" class="sort" onClick={() => changeState({ sort: next })}>
        {head || <abbr title="Outcome">{"\u2713\u2717"}</abbr>}
      </button>
    </th>
  );
}

/** The name of a sample, without the folders that all of its run share, and cut before its end, which differs most. */
export function SampleName({ run, id }: { run: Run; id: string }) {
  const text = plain(id.slice(sharedStart(run)), 120);
  const at = Math.max(0, text.length - KEPT);
  return (
    <bdi class="ending-kept">
      <span class="cut">{text.slice(0, at)}</span>
      <span>{text.slice(at)}</span>
    </bdi>
  );
}

function SampleLink({ row, several, current }: { row: Row; several: boolean; current: boolean }) {
  const { run, sample } = row;
  return (
    <StateLink to={{ sample: sample.id, of: several ? run.name : null }} current={current}>
      <SampleName run={run} id={sample.id} />
    </StateLink>
  );
}
