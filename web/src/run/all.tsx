/** All benchmarks of a run folder, a row each. */
import { useMemo } from "preact/hooks";
import { IntervalBar } from "../common/bars";
import { count, span, value } from "../common/format";
import { StateLink } from "../common/link";
import { Outside } from "../common/outside";
import { Table, type Column } from "../common/table";
import { headlineOf, scaleEnd, traitOf } from "../common/traits";
import type { Run } from "../payload";
import { Legend } from "./headline";

const COLUMNS: Column<Run>[] = [
  {
    id: "benchmark",
    head: "Benchmark",
    sort: (run) => run.title,
    cell: (run) => (
      <StateLink to={{ run: run.name }}>
        <Outside text={run.title} />
      </StateLink>
    ),
  },
  { id: "metric", head: "Metric", sort: (run) => run.primary, cell: (run) => <Outside text={traitOf(run, run.primary).label} /> },
  {
    id: "value",
    head: "Value",
    numeric: true,
    sort: (run) => headlineOf(run)?.value ?? null,
    cell: (run) => <b>{value(traitOf(run, run.primary).unit, headlineOf(run)?.value)}</b>,
  },
  {
    id: "interval",
    head: "95% interval",
    numeric: true,
    cell: (run) => span(traitOf(run, run.primary).unit, headlineOf(run)?.interval),
  },
  {
    id: "bar",
    head: "",
    wide: true,
    cell: (run) => {
      const trait = traitOf(run, run.primary);
      const metric = headlineOf(run);
      const number = metric?.value ?? null;
      return (
        <IntervalBar
          domain={[0, scaleEnd(trait, [number, metric?.interval?.[1]])]}
          value={number}
          interval={metric?.interval}
          chance={metric?.chance}
          label={`${value(trait.unit, number)}, 95% interval ${span(trait.unit, metric?.interval)}`}
        />
      );
    },
  },
  {
    id: "judge",
    head: "Judge",
    sort: (run) => run.judge ?? "",
    cell: (run) => (run.judge ? <Outside text={run.judge} limit={30} /> : "\u2013"),
  },
  { id: "n", head: "Samples", numeric: true, sort: (run) => run.counts.total, cell: (run) => count(run.counts.total) },
  { id: "failed", head: "Failed", numeric: true, sort: failedOf, cell: (run) => count(failedOf(run)) },
  { id: "model", head: "Model", sort: (run) => run.model, cell: (run) => <Outside text={run.model} /> },
];

/** What makes these numbers not comparable with others: what all share once, and what some have of their own. */
function Shared({ runs }: { runs: Run[] }) {
  const caveats = [...new Set(runs.flatMap((run) => run.caveats))];
  if (!caveats.length) return null;
  return (
    <ul class="caveats">
      {caveats.map((caveat) => {
        const of = runs.filter((run) => run.caveats.includes(caveat));
        return (
          <li key={caveat}>
            {of.length < runs.length && (
              <>
                <Outside text={of.map((run) => run.title).join(", ")} />:{" "}
              </>
            )}
            <Outside text={caveat} />
          </li>
        );
      })}
    </ul>
  );
}

function failedOf(run: Run): number {
  return run.counts.model_failed + run.counts.judge_failed;
}

export function AllRuns({ runs }: { runs: Run[] }) {
  const rows = useMemo(() => runs, [runs]);
  return (
    <section class="card" aria-labelledby="all-runs">
      <h2 id="all-runs">Benchmarks</h2>
      <Shared runs={runs} />
      <Table caption="Benchmarks of this run" columns={COLUMNS} rows={rows} />
      <p class="hint">Values in strict accounting, on a scale to the best possible value or, for captions, a little above the value.</p>
      <Legend chance={rows.some((run) => typeof headlineOf(run)?.chance === "number")} published={[]} />
    </section>
  );
}
