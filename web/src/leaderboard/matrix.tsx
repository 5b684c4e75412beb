/** All benchmarks at once: a row for each model and frame policy, a column for each benchmark. */
import { useMemo } from "preact/hooks";
import { span, value } from "../common/format";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import type { Leaderboard, LeaderboardRow } from "../payload";

type Benchmark = Leaderboard["benchmarks"][number];

interface System {
  model: string;
  frames: string;
  published: boolean;
  /** Its rows by benchmark, the newest first. */
  cells: Map<string, LeaderboardRow[]>;
}

export function Matrix({ board, rows }: { board: Leaderboard; rows: readonly LeaderboardRow[] }) {
  const systems = useMemo(() => systemsOf(rows), [rows]);
  const shown = useMemo(
    () => board.benchmarks.filter(({ name }) => rows.some((row) => row.benchmark === name)),
    [board, rows],
  );
  const columns = useMemo(() => columnsOf(shown), [shown]);
  return (
    <section class="card full" aria-labelledby="all">
      <h2 id="all">All benchmarks</h2>
      <p class="hint">
        Numbers of one column may differ in samples or judge: each links to its benchmark, where only what can be compared
        shares a table. <b>Bold</b>: better than all it can be compared with, by more than chance explains.
      </p>
      <Table
        caption="All benchmarks"
        columns={columns}
        rows={systems}
        rowClass={(system) => (system.published ? "apart" : undefined)}
      />
    </section>
  );
}

/** Those with runs first, by the number of benchmarks. */
function systemsOf(rows: readonly LeaderboardRow[]): System[] {
  const found = new Map<string, System>();
  for (const row of [...rows].sort((a, b) => b.date.localeCompare(a.date))) {
    const key = JSON.stringify([row.model, row.frames, row.published]);
    const system = found.get(key) ?? { model: row.model, frames: row.frames, published: row.published, cells: new Map() };
    found.set(key, system);
    system.cells.set(row.benchmark, [...(system.cells.get(row.benchmark) ?? []), row]);
  }
  return [...found.values()].sort(
    (a, b) =>
      Number(a.published) - Number(b.published) || b.cells.size - a.cells.size || a.model.localeCompare(b.model),
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
      {!row.complete && <span title="partial">{"\u2020"}</span>}
      {row.interval && <small class="note">{span(unit, row.interval)}</small>}
      {rows.length > 1 && <small class="note">{`${row.published ? "1" : "newest"} of ${rows.length}`}</small>}
    </StateLink>
  );
}
