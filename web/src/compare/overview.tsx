/** All pairs of a page, a row each: the primary metric in strict. */
import { useMemo } from "preact/hooks";
import { count, signed, value } from "../common/format";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import { traitOf } from "../common/traits";
import type { Comparison, Difference, Run } from "../payload";
import { chance, ends, Scales } from "./bars";
import { nameOf } from "./view";

interface Row {
  at: number;
  comparison: Comparison;
  row: Difference | undefined;
}

interface Props {
  comparisons: readonly Comparison[];
  runs: readonly Run[];
  /** What was left out. */
  notes: readonly string[];
}

export function Overview({ comparisons, runs, notes }: Props) {
  const rows = useMemo(
    () => comparisons.map((comparison, at): Row => ({ at, comparison, row: primaryOf(comparison, runs) })),
    [comparisons, runs],
  );
  const columns = useMemo(() => columnsOf(rows, runs), [rows, runs]);
  const caveats = useMemo(() => caveatsOf(comparisons, runs), [comparisons, runs]);
  return (
    <div class="report differences overview">
      <section class="card full" aria-labelledby="pairs">
        <h2 id="pairs">Comparisons</h2>
        <Table caption="Comparisons" columns={columns} rows={rows} />
        {notes.map((note) => (
          <p key={note} class="hint legend-text">
            <Outside text={note} />
          </p>
        ))}
        <p class="hint legend-text">
          Differences are second less first, with their 95% intervals over source videos; p is a paired test's, which each
          comparison explains.
          {isAdjusted(rows) &&
            " p (Holm): p, adjusted for several benchmarks: with no difference at all, the chance that any is below 0.05 is 5%."}
        </p>
      </section>
      {caveats.length > 0 && (
        <section class="card full" aria-labelledby="caveats">
          <h2 id="caveats">What differs, and what makes them hard to compare</h2>
          <ul class="caveats">
            {caveats.map(([text, names]) => (
              <li key={text}>
                <Outside text={text} />
                {names.length < comparisons.length && (
                  <span class="n">
                    {" "}
                    (<Outside text={names.join(", ")} />)
                  </span>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function isAdjusted(rows: readonly Row[]): boolean {
  return rows.some(({ comparison }) => comparison.p_adjusted !== null);
}

/** Each caveat once, with the comparisons that it is of: by their benchmarks, or by their names where these are one. */
function caveatsOf(comparisons: readonly Comparison[], runs: readonly Run[]): [string, string[]][] {
  const titles = comparisons.map(({ first }) => runs[first]!.title);
  const alone = new Set(titles).size === titles.length;
  const found = new Map<string, string[]>();
  comparisons.forEach((comparison, i) => {
    const name = alone ? plain(titles[i]!, 40) : nameOf(comparison, runs);
    for (const text of comparison.caveats) found.set(text, [...(found.get(text) ?? []), name]);
  });
  return [...found].sort(([, a], [, b]) => b.length - a.length);
}

/** The row of the primary metric over all, or of the first of its averages, in strict. */
export function primaryOf({ first, rows }: Comparison, runs: readonly Run[]): Difference | undefined {
  const { primary } = runs[first]!;
  const overall = rows.filter((row) => row.subset === "overall" && row.metric.startsWith(primary));
  return overall.find((row) => row.accounting === "strict") ?? overall[0];
}

const HOLM: Column<Row> = {
  id: "adjusted",
  head: "p (Holm)",
  numeric: true,
  sort: ({ comparison }) => comparison.p_adjusted,
  cell: ({ comparison }) => chance(comparison.p_adjusted),
};

function columnsOf(all: readonly Row[], runs: readonly Run[]): Column<Row>[] {
  const trait = ({ comparison, row }: Row) => traitOf(runs[comparison.first]!, row?.metric ?? "");
  const unitOf = (each: Row) => trait(each).unit;
  const scales = new Scales(all.flatMap((each) => (each.row ? [[each.row, trait(each)] as const] : [])));
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
      head: scales.head,
      wide: true,
      cell: (each) => each.row && scales.bar(each.row, trait(each)),
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
    ...(isAdjusted(all) ? [HOLM] : []),
    { id: "n", head: "n", numeric: true, sort: ({ row }) => row?.n ?? null, cell: ({ row }) => row && count(row.n) },
  ];
}
