/** The subsets of a benchmark: a table for each setting, with a column for each of its best rows that have them. */
import { useMemo } from "preact/hooks";
import { span, value } from "../common/format";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import type { LeaderboardRow } from "../payload";

const MOST = 6;

type Unit = "percent" | "points";

interface Row {
  subset: string;
  cells: (LeaderboardRow["subsets"][number] | undefined)[];
  /** The highest value of those that can be compared; null where fewer than two can. */
  highest: number | null;
}

interface Props {
  unit: Unit;
  /** The rows of each setting, the best first. */
  groups: readonly [string, readonly LeaderboardRow[]][];
}

export function Subsets({ unit, groups }: Props) {
  const having = useMemo(
    () => groups.map(([group, rows]) => [group, rows.filter((row) => row.subsets.length > 0)] as const),
    [groups],
  ).filter(([, rows]) => rows.length > 0);
  if (!having.length) return null;
  return (
    <section class="card full" aria-labelledby="subsets">
      <h2 id="subsets">Subsets</h2>
      {having.map(([group, rows]) => (
        <div key={group} class="subsets-of">
          <p class="hint">
            <Outside text={group} />
            {rows.length > MOST && ` The ${MOST} best of ${rows.length} rows.`}
            {rows.filter(isCompared).length > 1 && " Underlined: the highest of a line, by however little."}
          </p>
          <Group caption={`Subsets: ${plain(group)}`} rows={rows.slice(0, MOST)} unit={unit} />
        </div>
      ))}
    </section>
  );
}

/** Published numbers may differ in samples and accounting, and incomplete ones lack samples. */
function isCompared(row: LeaderboardRow): boolean {
  return !row.published && row.complete;
}

function Group({ caption, rows, unit }: { caption: string; rows: readonly LeaderboardRow[]; unit: Unit }) {
  const lines = useMemo(() => {
    const names = new Set(rows.flatMap((row) => row.subsets.map(({ subset }) => subset)));
    return [...names].map((subset): Row => {
      const cells = rows.map((row) => row.subsets.find((each) => each.subset === subset));
      const values = cells.flatMap((cell, i) => (isCompared(rows[i]!) ? (cell?.value ?? []) : []));
      return { subset, cells, highest: values.length > 1 ? Math.max(...values) : null };
    });
  }, [rows]);
  const columns = useMemo(
    (): Column<Row>[] => [
      { id: "subset", head: "Subset", sort: (row) => row.subset, cell: (row) => <Outside text={row.subset} /> },
      ...rows.map(
        (row, i): Column<Row> => ({
          id: row.id,
          head: (
            <span class="system-name">
              {plain(row.model, 40)}
              <small>{row.published ? "published" : plain(row.differs, 40)}</small>
              {!row.complete && <small>incomplete</small>}
            </span>
          ),
          numeric: true,
          sort: ({ cells }) => cells[i]?.value ?? null,
          cell: ({ cells, highest }) => (
            <Cell cell={cells[i]} isHighest={isCompared(row) && cells[i]?.value === highest} unit={unit} />
          ),
        }),
      ),
    ],
    [rows, unit],
  );
  return <Table caption={caption} columns={columns} rows={lines} />;
}

function Cell({ cell, isHighest, unit }: { cell: Row["cells"][number]; isHighest: boolean; unit: Unit }) {
  if (!cell || cell.value === null) return <>{"\u2013"}</>;
  return (
    <span class={isHighest ? "highest" : undefined} title={cell.interval ? `95% interval ${span(unit, cell.interval)}` : ""}>
      {value(unit, cell.value)}
    </span>
  );
}
