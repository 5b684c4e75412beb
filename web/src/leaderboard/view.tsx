/** The leaderboard: over all benchmarks or one of them, filtered by model, frames and judge. */
import { useMemo } from "preact/hooks";
import { counted } from "../common/format";
import { changeState, useHashState } from "../common/hash";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import type { Leaderboard, Page } from "../payload";
import { BenchmarkTables } from "./benchmark";
import { Figures } from "./figures";
import { filtersOf, passes } from "./filters";
import { Matrix, systemsOf } from "./matrix";

export function LeaderboardView({ page }: { page: Page }) {
  const board = page.leaderboard;
  return board ? <Board board={board} /> : <p class="empty">There are no numbers yet.</p>;
}

function Board({ board }: { board: Leaderboard }) {
  const state = useHashState();
  const chosen = board.benchmarks.find(({ name }) => name === state.bench);
  const measured = new Set(board.rows.filter((row) => !row.published).map((row) => row.benchmark));
  const filters = useMemo(() => filtersOf(board.rows), [board]);
  const rows = useMemo(
    () => board.rows.filter((row) => (!chosen || row.benchmark === chosen.name) && passes(row, state)),
    [board, chosen, state],
  );
  const systems = useMemo(() => systemsOf(rows), [rows]);
  const active = filters.some(({ key }) => state[key]);
  return (
    <>
      <div class="bar-of-parts">
        <nav aria-label="Benchmarks" class="switch">
          <StateLink to={{ bench: null }} current={!chosen}>
            Over all
          </StateLink>
          {board.benchmarks.map(({ name, title }) => (
            <StateLink key={name} to={{ bench: name }} current={name === chosen?.name} label={measured.has(name) ? `${plain(title)}, measured here` : plain(title)}>
              <Outside text={title} />
              {measured.has(name) && <span class="has-runs" title="measured here" />}
            </StateLink>
          ))}
        </nav>
      </div>
      <search class="line board-filters" aria-label="Filters">
        {filters.map(({ key, label, values }) => (
          <label key={key} class="choice">
            <span>{label}</span>
            <select value={state[key] ?? ""} onChange={(event) => changeState({ [key]: event.currentTarget.value })}>
              {key !== "accounting" && <option value="">all</option>}
              {values.map(([value, text]) => (
                <option key={value} value={key === "accounting" && value === "strict" ? "" : value}>
                  {plain(text, 80)}
                </option>
              ))}
            </select>
          </label>
        ))}
        <output aria-live="polite" id="found" class="n">
          {chosen
            ? counted(rows.length, "row")
            : `${counted(systems.length, "row")} with ${counted(rows.length, "number")}`}
        </output>
        {active && (
          <button
            type="button"
            class="quiet"
            onClick={() => changeState(Object.fromEntries(filters.map(({ key }) => [key, null])))}
          >
            Clear filters
          </button>
        )}
      </search>
      <div class="board">
        {!rows.length ? (
          <p class="empty card">No row passes these filters.</p>
        ) : chosen ? (
          <BenchmarkTables key={chosen.name} benchmark={chosen} rows={rows} />
        ) : (
          <Matrix board={board} rows={rows} systems={systems} />
        )}
        <Figures plots={board.plots.filter((plot) => !chosen || plot.benchmark === chosen.name)} />
      </div>
    </>
  );
}
