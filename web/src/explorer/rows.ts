/** Samples of the runs shown as rows of one list, and the list's columns and filters. */
import {
  columnFacetingFeature,
  columnFilteringFeature,
  createFacetedRowModel,
  createFacetedUniqueValues,
  createFilteredRowModel,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  type ColumnDef,
  type Row as TableRow,
} from "@tanstack/preact-table";
import type { Outcome, Run, Sample } from "../payload";

export interface Row {
  run: Run;
  sample: Sample;
  /** Place in the run folder. */
  position: number;
}

export const features = tableFeatures({
  columnFilteringFeature,
  columnFacetingFeature,
  rowSortingFeature,
  filteredRowModel: createFilteredRowModel(),
  facetedRowModel: createFacetedRowModel(),
  facetedUniqueValues: createFacetedUniqueValues(),
  sortedRowModel: createSortedRowModel(),
  filterFns: {},
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

type Held = TableRow<typeof features, Row>;
type Definition = ColumnDef<typeof features, Row>;

export function rowsOf(runs: readonly Run[]): Row[] {
  let position = 0;
  return runs.flatMap((run) => run.samples.map((sample) => ({ run, sample, position: position++ })));
}

const starts = new WeakMap<Run, number>();

/** Length of the folders that all ids of a run begin with, which the list leaves out. */
export function sharedStart(run: Run): number {
  let length = starts.get(run);
  if (length === undefined) {
    const first = run.samples[0]!.id;
    length = first.lastIndexOf("/") + 1;
    while (length && !run.samples.every(({ id }) => id.startsWith(first.slice(0, length)))) {
      length = first.lastIndexOf("/", length - 2) + 1;
    }
    starts.set(run, length);
  }
  return length;
}

/** Stands for the answer of a sample that has none, in the matrix and in links. */
export const NO_ANSWER = "none";

/** Text that a search looks through, made once for each sample. */
const texts = new WeakMap<Sample, string>();

export function textOf(sample: Sample): string {
  let text = texts.get(sample);
  if (text === undefined) {
    const { id, subset, question, prompt, options, targets, output, answer, target, reason } = sample;
    text = [id, subset, question || prompt, ...options, ...targets, output, answer, target, reason].join("\n").toLowerCase();
    texts.set(sample, text);
  }
  return text;
}

/** Make the texts of all samples, some at a time, so that the first search need not. Returns what stops it. */
export function prepareSearch(runs: readonly Run[]): () => void {
  const samples = runs.flatMap((run) => run.samples);
  let [next, timer] = [0, 0];
  const some = () => {
    samples.slice(next, (next += 500)).forEach(textOf);
    if (next < samples.length) timer = window.setTimeout(some);
  };
  timer = window.setTimeout(some);
  return () => clearTimeout(timer);
}

const sorted = (id: string, value: (row: Row) => number | string | null, sortFn: "basic" | "alphanumeric"): Definition => ({
  id,
  accessorFn: (row) => value(row) ?? undefined,
  sortFn,
  sortUndefined: "last",
  enableColumnFilter: false,
});

const filtered = (id: string, value: (row: Row) => unknown, passes: (row: Row, wanted: never) => boolean): Definition => ({
  id,
  accessorFn: value,
  enableSorting: false,
  filterFn: (row: Held, _column: string, wanted: unknown) => passes(row.original, wanted as never),
});

/** Outcomes, what most wants a look first. */
const ENDINGS: Outcome[] = ["model_failed", "judge_failed", "invalid", "wrong", "scored", "right", "waiting"];

/** Columns that sort have the names of those shown; columns that filter have those of the keys in the address. */
export const COLUMNS: Definition[] = [
  sorted("place", (row) => row.position, "basic"),
  sorted("ending", (row) => ENDINGS.indexOf(row.sample.outcome), "basic"),
  sorted("name", (row) => row.sample.id, "alphanumeric"),
  sorted("benchmark", (row) => row.run.title, "alphanumeric"),
  sorted("part", (row) => row.sample.subset, "alphanumeric"),
  sorted("question", (row) => (row.sample.question || row.sample.prompt).slice(0, 80), "basic"),
  sorted("given", (row) => row.sample.answer ?? row.sample.output?.slice(0, 80) ?? null, "basic"),
  sorted("wanted", (row) => row.sample.target.slice(0, 80), "basic"),
  sorted("value", (row) => row.sample.values[row.run.primary] ?? null, "basic"),
  filtered("outcome", (row) => row.sample.outcome, (row, wanted: string[]) => wanted.includes(row.sample.outcome)),
  filtered("reason", reasonOf, (row, wanted: string) => reasonOf(row) === wanted),
  filtered(
    "subset",
    (row) => row.sample.subset,
    ({ sample }, wanted: string) => sample.subset === wanted || sample.groups.includes(wanted),
  ),
  filtered("cell", (row) => cellOf(row.sample), (row, wanted: Cell) => isIn(row.sample, wanted)),
  filtered("q", () => null, (row, wanted: string) => textOf(row.sample).includes(wanted)),
];

/** Reasons as the report groups them: without what differs by sample, which is at their end. */
const reasons = new WeakMap<Sample, string | null>();

function reasonOf({ run, sample }: Row): string | null {
  let reason = reasons.get(sample);
  if (reason === undefined) {
    reason = null;
    for (const { reason: group } of run.failures)
      if (group !== null && group.length > (reason?.length ?? -1) && sample.reason?.startsWith(group)) reason = group;
    reasons.set(sample, reason);
  }
  return reason;
}

/** A cell of the confusion matrix; a part that is not given takes all. */
export interface Cell {
  target?: string;
  answer?: string;
}

/** Both parts in one value, so that the counts of a matrix leave out its own filter and no other. */
function cellOf(sample: Sample): string {
  return JSON.stringify([sample.target, sample.answer ?? NO_ANSWER]);
}

function isIn(sample: Sample, { target, answer }: Cell): boolean {
  return (!target || sample.target === target) && (!answer || (sample.answer ?? NO_ANSWER) === answer);
}
