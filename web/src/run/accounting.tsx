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
  rows.sort((a, b) => Number(b.name === run.primary) - Number(a.name === run.primary));
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Ways of counting">
      <table class="accounting">
        <caption class="hidden">Ways of counting</caption>
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col">Accounting</th>
            <th scope="col" class="number">
              Value
            </th>
            <th scope="col" class="number">
              95% interval
            </th>
            <th scope="col" class="number">
              n
            </th>
            <th scope="col" class="number">
              If failures were wrong, or right
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((metric) => {
            const { unit, label } = traitOf(run, metric.name);
            return (
              <tr key={metric.name + metric.accounting} class={metric.name === run.primary ? "primary" : undefined}>
                <th scope="row">{plain(label)}</th>
                <td>
                  <span title={MEANING[metric.accounting]}>{metric.accounting}</span>
                </td>
                <td class="number">{value(unit, metric.value)}</td>
                <td class="number">{span(unit, metric.interval)}</td>
                <td class="number">{count(metric.n)}</td>
                <td class="number">{metric.n_failed ? span(unit, bounds(metric)) : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function bounds({ lower, upper }: Metric): [number, number] | null {
  return lower === null || upper === null ? null : [lower, upper];
}
