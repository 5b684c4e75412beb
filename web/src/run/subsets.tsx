/** The primary metric per subset, as bars with intervals. */
import { useMemo } from "preact/hooks";
import { IntervalBar, ScaleTicks } from "../common/bars";
import { count, span, value } from "../common/format";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import { headlineOf, scaleEnd, traitOf } from "../common/traits";
import type { Metric, Run } from "../payload";
import { Legend } from "./headline";

export function Subsets({ run }: { run: Run }) {
  const rows = useMemo(() => subsetsOf(run), [run]);
  const overall = useMemo(() => [headlineOf(run)].filter((m): m is Metric => m !== undefined), [run]);
  const columns = useMemo(() => columnsOf(run, [...overall, ...rows]), [run, rows]);
  if (!rows.length) return null;
  return (
    <section class="card full" aria-labelledby="subsets">
      <h2 id="subsets">Subsets</h2>
      <Table
        caption="Values of subsets"
        columns={columns}
        rows={rows}
        pinned={overall}
        rowClass={(metric) => (metric.subset === "overall" ? "overall" : undefined)}
      />
      <Legend chance={rows.some((metric) => metric.chance !== null)} published={[]} />
    </section>
  );
}

/** A row for each subset of the primary metric, in the order of the result. */
function subsetsOf(run: Run): Metric[] {
  const names = new Set(run.metrics.filter((m) => m.name === run.primary).map((m) => m.subset));
  names.delete("overall");
  return [...names].map((name) => headlineOf(run, name)!);
}

function columnsOf(run: Run, all: Metric[]): Column<Metric>[] {
  const { unit, ...trait } = traitOf(run, run.primary);
  const domain: [number, number] = [0, scaleEnd({ unit, ...trait }, all.flatMap((m) => [m.value, m.interval?.[1]]))];
  const coverage = new Map(run.coverage.map((row) => [row.subset, row]));
  const columns: Column<Metric>[] = [
    {
      id: "subset",
      head: "Subset",
      sort: (metric) => metric.subset,
      cell: (metric) =>
        metric.subset === "overall" ? (
          trait.grouped ? "all groups" : "all samples"
        ) : (
          <StateLink to={{ tab: "samples", run: run.name, subset: metric.subset }}>
            <Outside text={metric.subset} />
          </StateLink>
        ),
    },
    {
      id: "value",
      head: "Value",
      numeric: true,
      sort: (metric) => metric.value,
      cell: (metric) => <b>{value(unit, metric.value)}</b>,
    },
    {
      id: "bar",
      head: <ScaleTicks domain={domain} unit={unit} />,
      wide: true,
      cell: (metric) => (
        <IntervalBar
          domain={domain}
          value={metric.value}
          interval={metric.interval}
          chance={metric.chance}
          label={`${plain(metric.subset)}: ${value(unit, metric.value)}`}
        />
      ),
    },
    { id: "interval", head: "95% interval", numeric: true, cell: (metric) => span(unit, metric.interval) },
    { id: "n", head: "n", numeric: true, sort: (metric) => metric.n, cell: (metric) => count(metric.n) },
  ];
  if (all.some((m) => m.chance !== null))
    columns.push({
      id: "chance",
      head: "Chance",
      numeric: true,
      sort: (metric) => metric.chance,
      cell: (metric) => value(unit, metric.chance),
    });
  if (all.some((m) => m.n_invalid || m.n_failed))
    columns.push({
      id: "without",
      head: "Invalid, failed",
      numeric: true,
      sort: (metric) => metric.n_invalid + metric.n_failed,
      cell: (metric) => (metric.n_invalid || metric.n_failed ? `${metric.n_invalid}, ${metric.n_failed}` : ""),
    });
  if (run.coverage.some((row) => row.present < row.total))
    columns.push({
      id: "videos",
      head: "Videos found",
      numeric: true,
      cell: (metric) => {
        const row = coverage.get(metric.subset);
        return row ? `${count(row.present)} of ${count(row.total)}` : "";
      },
    });
  return columns;
}
