/** The primary metric and the others over all samples, a column for each accounting. */
import { count, span, value } from "../common/format";
import { Outside } from "../common/outside";
import { traitOf } from "../common/traits";
import type { Metric, Run } from "../payload";

const MEANING: Record<Metric["accounting"], string> = {
  upstream: "leaves out what has no valid answer or failed",
  strict: "counts it, and gives it nothing",
  tolerant: "reads answers as a person would, and is strict otherwise",
};
const ACCOUNTINGS = Object.keys(MEANING) as Metric["accounting"][];

export function Accounting({ run }: { run: Run }) {
  const overall = run.metrics.filter((metric) => metric.subset === "overall");
  const shown = ACCOUNTINGS.filter((accounting) => overall.some((metric) => metric.accounting === accounting));
  const names = [...new Set([run.primary, ...overall.map((metric) => metric.name)])];
  const failed = overall.some((metric) => metric.n_failed);
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label="Metrics over all samples">
        <table class="accounting">
          <caption class="hidden">Metrics over all samples</caption>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              {[...shown, "95% interval", "n", ...(failed ? ["if failed"] : [])].map((head) => (
                <th key={head} scope="col" class="number">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((name) => {
              const rows = overall.filter((metric) => metric.name === name);
              return <MetricRow key={name} run={run} name={name} rows={rows} shown={shown} failed={failed} />;
            })}
          </tbody>
        </table>
      </div>
      <p class="hint">
        {shown.map((accounting) => `${accounting} ${MEANING[accounting]}`).join("; ")}.
        {run.traits.some((trait) => trait.grouped) && " A group of questions counts once: in upstream as in its authors' code, which may count an answer that is none, and without groups in which an output failed."}
        {shown.includes("strict") && " The interval is that of strict."}
        {failed && " If failed: the range of strict with the failed samples all wrong, and all right."}
      </p>
    </>
  );
}

interface RowProps {
  run: Run;
  name: string;
  rows: Metric[];
  shown: Metric["accounting"][];
  failed: boolean;
}

function MetricRow({ run, name, rows, shown, failed }: RowProps) {
  const { unit, label } = traitOf(run, name);
  const of = (accounting: Metric["accounting"]) => rows.find((metric) => metric.accounting === accounting);
  const metric = of("strict") ?? rows[0];
  if (!metric) return null;
  return (
    <tr class={name === run.primary ? "primary" : undefined}>
      <th scope="row"><Outside text={label} /></th>
      {shown.map((accounting) => (
        <td key={accounting} class="number">
          {value(unit, of(accounting)?.value)}
        </td>
      ))}
      <td class="number">{span(unit, metric.interval)}</td>
      <td class="number">{count(metric.n)}</td>
      {failed && <td class="number">{metric.n_failed ? span(unit, bounds(metric)) : ""}</td>}
    </tr>
  );
}

function bounds({ lower, upper }: Metric): [number, number] | null {
  return lower === null || upper === null ? null : [lower, upper];
}
