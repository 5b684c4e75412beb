/** The subsets of a benchmark: a column for each of the best rows that have them. */
import { useMemo } from "preact/hooks";
import { span, value } from "../common/format";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import type { Leaderboard, LeaderboardRow } from "../payload";

const MOST = 6;

interface Row {
  subset: string;
  cells: (LeaderboardRow["subsets"][number] | undefined)[];
}

interface Props {
  benchmark: Leaderboard["benchmarks"][number];
  rows: readonly LeaderboardRow[];
}

export function Subsets({ benchmark: { unit }, rows }: Props) {
  const shown = useMemo(() => {
    const having = rows.filter((row) => row.subsets.length > 0);
    having.sort((a, b) => Number(a.published) - Number(b.published) || (b.value ?? -1) - (a.value ?? -1));
    return having.slice(0, MOST);
  }, [rows]);
  const lines = useMemo(() => {
    const names = new Set(shown.flatMap((row) => row.subsets.map(({ subset }) => subset)));
    return [...names].map((subset): Row => ({
      subset,
      cells: shown.map((row) => row.subsets.find((each) => each.subset === subset)),
    }));
  }, [shown]);
  const columns = useMemo(
    (): Column<Row>[] => [
      { id: "subset", head: "Subset", sort: (row) => row.subset, cell: (row) => <Outside text={row.subset} /> },
      ...shown.map(
        (row, i): Column<Row> => ({
          id: row.id,
          head: (
            <span class="system-name">
              {plain(row.model, 40)}
              <small>{row.published ? "published" : plain(row.differs, 40)}</small>
            </span>
          ),
          numeric: true,
          sort: ({ cells }) => cells[i]?.value ?? null,
          cell: ({ cells }) => <Cell cells={cells} at={i} unit={unit} />,
        }),
      ),
    ],
    [shown, unit],
  );
  if (!lines.length) return null;
  return (
    <section class="card full" aria-labelledby="subsets">
      <h2 id="subsets">Subsets</h2>
      <p class="hint">
        The {shown.length > 1 ? `${shown.length} best rows` : "row"} with subsets. Underlined: the highest of a line, by
        however little.
      </p>
      <Table caption="Subsets" columns={columns} rows={lines} />
    </section>
  );
}

function Cell({ cells, at, unit }: { cells: Row["cells"]; at: number; unit: "percent" | "points" }) {
  const cell = cells[at];
  if (!cell || cell.value === null) return <>{"\u2013"}</>;
  const highest = Math.max(...cells.map((each) => each?.value ?? -Infinity));
  const isHighest = cells.length > 1 && cell.value === highest;
  return (
    <span class={isHighest ? "highest" : undefined} title={cell.interval ? `95% interval ${span(unit, cell.interval)}` : ""}>
      {value(unit, cell.value)}
    </span>
  );
}
