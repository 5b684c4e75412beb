/** Lookups in a run's metrics. */
import type { Metric, Run, Trait } from "../payload";

/** An average of a metric over subsets or samples has the metric's trait. */
export function traitOf(run: Run, name: string): Trait {
  const plain = name.replace(/_(macro|micro)$/, "");
  const found = run.traits.find((trait) => trait.name === name) ?? run.traits.find((trait) => trait.name === plain);
  return found ?? { name, label: name, unit: "points", best: 1 };
}

export function metricOf(
  run: Run,
  accounting: Metric["accounting"],
  subset = "overall",
  name = run.primary,
): Metric | undefined {
  return run.metrics.find((m) => m.name === name && m.subset === subset && m.accounting === accounting);
}

/** The row that stands for a subset: strict where there is one, as on the terminal. */
export function headlineOf(run: Run, subset = "overall"): Metric | undefined {
  return metricOf(run, "strict", subset) ?? metricOf(run, "upstream", subset);
}

/** Upper end of a scale for values of a metric: its best, unless that is so far above them that all bars were short. */
export function scaleEnd(trait: Trait, values: readonly (number | null | undefined)[]): number {
  const highest = Math.max(0, ...values.filter((v): v is number => typeof v === "number"));
  return trait.best <= 1 || highest === 0 || 4 * highest >= trait.best ? trait.best : 1.1 * highest;
}

/** Whether a value is a share, so that a percent sign belongs to it; CIDEr, of up to 10, is shown times 100 as well. */
export function isShare(trait: Trait): boolean {
  return trait.unit === "percent" && trait.best <= 1;
}
