/** The primary metric and the others over all samples, under each accounting. */
import { count, span, value } from "../common/format";
import { plain } from "../common/outside";
import { traitOf } from "../common/traits";
import type { Metric, Run } from "../payload";

const MEANING: Record<Metric["accounting"], string> = {
  strict: "every sample counts: one without a valid answer, or that failed, is wrong",
  upstream: "as the original code counts",
  tolerant: "answers are also read where the original parser finds none",
};

export function Accounting({ run }: { run: Run }) {
  const rows = run.metrics.filter((metric) => metric.subset === "overall");
  const names = [...new Set([run.primary, ...rows.map((metric) => metric.name)])];
  const failed = rows.some((metric) => metric.n_failed);
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Ways of counting">
      <table class="accounting">
        <caption class="hidden">Ways of counting</caption>
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col">Accounting</th>
            <NumberHead>Value</NumberHead>
            <NumberHead>95% interval</NumberHead>
            <NumberHead>n</NumberHead>
            {failed && <NumberHead>If failed</NumberHead>}
          </tr>
        </thead>
        {names.map((name) => (
          <MetricRows key={name} run={run} name={name} rows={rows.filter((m) => m.name === name)} failed={failed} />
        ))}
      </table>
    </div>
  );
}

function NumberHead({ children }: { children: string }) {
  return (
    <th scope="col" class="number">
      {children}
    </th>
  );
}

function MetricRows({ run, name, rows, failed }: { run: Run; name: string; rows: Metric[]; failed: boolean }) {
  const { unit, label } = traitOf(run, name);
  return (
    <tbody class={name === run.primary ? "primary" : undefined}>
      {rows.map((metric, i) => (
        <tr key={metric.accounting}>
          {i === 0 && (
            <th scope="rowgroup" rowSpan={rows.length}>
              {plain(label)}
            </th>
          )}
          <td>
            <span title={MEANING[metric.accounting]}>{metric.accounting}</span>
          </td>
          <td class="number">{value(unit, metric.value)}</td>
          <td class="number">{span(unit, metric.interval)}</td>
          <td class="number">{count(metric.n)}</td>
          {failed && <td class="number">{metric.n_failed ? span(unit, bounds(metric)) : ""}</td>}
        </tr>
      ))}
    </tbody>
  );
}

function bounds({ lower, upper }: Metric): [number, number] | null {
  return lower === null || upper === null ? null : [lower, upper];
}
