/** All benchmarks at once: a row for each model and frame policy, a column for each benchmark. */
import { useMemo } from "preact/hooks";
import { span, value } from "../common/format";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import type { Leaderboard, LeaderboardRow } from "../payload";

const INCOMPLETE = "\u2020 incomplete: too many samples ended without an output or a verdict; never bold.";
const BUILTIN =
  "Built-in world: rendered clips that check the pipeline. Its numbers are comparable with nothing else, published ones of the same benchmark included.";

type Benchmark = Leaderboard["benchmarks"][number];

export interface System {
  model: string;
  frames: string;
  published: boolean;
  builtin: boolean;
  /** Its rows by benchmark, those with a value and the newest first. */
  cells: Map<string, LeaderboardRow[]>;
}

interface Props {
  board: Leaderboard;
  rows: readonly LeaderboardRow[];
  systems: readonly System[];
}

export function Matrix({ board, rows, systems }: Props) {
  const shown = useMemo(
    () => board.benchmarks.filter(({ name }) => rows.some((row) => row.benchmark === name)),
    [board, rows],
  );
  const columns = useMemo(() => columnsOf(shown), [shown]);
  return (
    <section class="card full matrix" aria-labelledby="all">
      <h2 id="all">All benchmarks</h2>
      <p class="hint">
        Numbers of one column may differ in samples or judge: each links to its benchmark, where only what can be compared
        shares a table. <b>Bold</b>: better than all it can be compared with, by more than chance explains.
        {rows.some((row) => !row.complete) && ` ${INCOMPLETE}`}
        {systems.some(({ cells }) => [...cells.values()].some((own) => own.length > 1)) &&
          " Where a model has several runs of a benchmark, or several sources give its number, the cell shows one of them."}
      </p>
      {rows.some((row) => row.builtin) && <p class="hint">{BUILTIN}</p>}
      <Table
        caption="All benchmarks"
        columns={columns}
        rows={systems}
        rowClass={(system) => (system.published || system.builtin ? "apart" : undefined)}
      />
    </section>
  );
}

/** Those with runs first, of the benchmarks' own data and then of the built-in world, by the number of benchmarks. */
export function systemsOf(rows: readonly LeaderboardRow[]): System[] {
  const found = new Map<string, System>();
  const newest = (a: LeaderboardRow, b: LeaderboardRow) =>
    Number(b.value !== null) - Number(a.value !== null) || b.date.localeCompare(a.date);
  for (const row of [...rows].sort(newest)) {
    const key = JSON.stringify([row.model, row.frames, row.published, row.builtin]);
    const { model, frames, published, builtin } = row;
    const system = found.get(key) ?? { model, frames, published, builtin, cells: new Map() };
    found.set(key, system);
    system.cells.set(row.benchmark, [...(system.cells.get(row.benchmark) ?? []), row]);
  }
  return [...found.values()].sort(
    (a, b) =>
      Number(a.published) - Number(b.published) ||
      Number(a.builtin) - Number(b.builtin) ||
      b.cells.size - a.cells.size || a.model.localeCompare(b.model),
  );
}

function columnsOf(benchmarks: readonly Benchmark[]): Column<System>[] {
  return [
    {
      id: "model",
      head: "Model",
      sort: (system) => system.model,
      cell: (system) => (
        <>
          <StateLink to={{ model: system.model }}>
            <Outside text={system.model} />
          </StateLink>{" "}
          {system.published && <span class="tag apart">published</span>}
          {system.builtin && <span class="tag warn">built-in world</span>}
          {system.frames && (
            <small class="note">
              <Outside text={system.frames} />
            </small>
          )}
        </>
      ),
    },
    ...benchmarks.map(
      (benchmark): Column<System> => ({
        id: benchmark.name,
        head: (
          <span class="system-name">
            {plain(benchmark.title, 40)}
            <small>{benchmark.metric}</small>
          </span>
        ),
        numeric: true,
        sort: (system) => system.cells.get(benchmark.name)?.[0]?.value ?? null,
        cell: (system) => <Cell rows={system.cells.get(benchmark.name)} benchmark={benchmark} />,
      }),
    ),
  ];
}

function Cell({ rows, benchmark: { name, unit } }: { rows: LeaderboardRow[] | undefined; benchmark: Benchmark }) {
  const row = rows?.[0];
  if (!row || !rows) return <></>;
  const number = value(unit, row.value);
  return (
    <StateLink to={{ bench: name }} class="matrix-cell">
      {row.best ? <b>{number}</b> : number}
      {!row.complete && <span title="incomplete">{"\u2020"}</span>}
      {row.interval && <small class="note">{span(unit, row.interval)}</small>}
      {rows.length > 1 && <small class="note">{row.published ? `1 of ${rows.length} sources` : `newest of ${rows.length} runs`}</small>}
    </StateLink>
  );
}
