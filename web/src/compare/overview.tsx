/** All pairs of a page, a row each: the primary metric in strict. */
import { useMemo } from "preact/hooks";
import { count, signed, value } from "../common/format";
import { StateLink } from "../common/link";
import { Table, type Column } from "../common/table";
import { traitOf } from "../common/traits";
import type { Comparison, Difference, Run } from "../payload";
import { chance, DifferenceBar, domainOf, ends } from "./bars";
import { nameOf } from "./view";

interface Row {
  at: number;
  comparison: Comparison;
  row: Difference | undefined;
}

export function Overview({ comparisons, runs }: { comparisons: readonly Comparison[]; runs: readonly Run[] }) {
  const rows = useMemo(
    () => comparisons.map((comparison, at): Row => ({ at, comparison, row: primaryOf(comparison, runs) })),
    [comparisons, runs],
  );
  const columns = useMemo(() => columnsOf(rows, runs), [rows, runs]);
  return (
    <section class="card differences overview" aria-labelledby="pairs">
      <h2 id="pairs">Comparisons</h2>
      <Table caption="Comparisons" columns={columns} rows={rows} />
    </section>
  );
}

/** The row of the primary metric over all, or of the first of its averages, in strict. */
export function primaryOf({ first, rows }: Comparison, runs: readonly Run[]): Difference | undefined {
  const { primary } = runs[first]!;
  const overall = rows.filter((row) => row.subset === "overall" && row.metric.startsWith(primary));
  return overall.find((row) => row.accounting === "strict") ?? overall[0];
}

function columnsOf(all: readonly Row[], runs: readonly Run[]): Column<Row>[] {
  const unitOf = ({ comparison, row }: Row) => traitOf(runs[comparison.first]!, row?.metric ?? "").unit;
  const domains = new Map(
    (["percent", "points"] as const).map((unit) => [
      unit,
      domainOf(all.filter((each) => unitOf(each) === unit).flatMap(({ row }) => row ?? [])),
    ]),
  );
  return [
    {
      id: "pair",
      head: "Runs",
      cell: ({ at, comparison }) => (
        <StateLink to={{ pair: String(at) }}>
          <bdi>{nameOf(comparison, runs)}</bdi>
        </StateLink>
      ),
    },
    { id: "metric", head: "Metric, strict", cell: ({ comparison, row }) => <span class="nowrap">{row && traitOf(runs[comparison.first]!, row.metric).label}</span> },
    {
      id: "difference",
      head: "Difference",
      numeric: true,
      sort: ({ row }) => row?.difference ?? null,
      cell: (each) => <b>{signed(unitOf(each), each.row?.difference)}</b>,
    },
    {
      id: "bar",
      head: "",
      wide: true,
      cell: (each) =>
        each.row && <DifferenceBar row={each.row} domain={domains.get(unitOf(each))!} unit={unitOf(each)} />,
    },
    {
      id: "interval",
      head: "95% interval",
      numeric: true,
      cell: (each) => each.row && ends(unitOf(each), each.row),
    },
    { id: "first", head: "First", numeric: true, cell: (each) => value(unitOf(each), each.row?.first) },
    { id: "second", head: "Second", numeric: true, cell: (each) => value(unitOf(each), each.row?.second) },
    { id: "p", head: "p", numeric: true, sort: ({ row }) => row?.p ?? null, cell: ({ row }) => chance(row?.p ?? null) },
    { id: "n", head: "n", numeric: true, sort: ({ row }) => row?.n ?? null, cell: ({ row }) => row && count(row.n) },
  ];
}
