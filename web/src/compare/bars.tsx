/** Differences as bars around zero. */
import { scaleLinear } from "d3-scale";
import { IntervalBar } from "../common/bars";
import { signed, type Unit } from "../common/format";
import { plain } from "../common/outside";
import type { Difference } from "../payload";

/** A scale with zero in its middle that all of these fit on. */
export function domainOf(rows: readonly Difference[]): [number, number] {
  const ends = rows.flatMap(({ difference, interval }) => [difference ?? 0, ...(interval ?? [])]);
  const reach = Math.max(...ends.map(Math.abs), 0) || 1;
  return scaleLinear([-reach, reach], [0, 1]).nice(4).domain() as [number, number];
}

export function DifferenceBar({ row, domain, unit }: { row: Difference; domain: [number, number]; unit: Unit }) {
  return (
    <IntervalBar
      domain={domain}
      value={row.difference}
      interval={row.interval}
      label={`${plain(row.subset)}: ${signed(unit, row.difference)}, 95% interval ${ends(unit, row)}`}
    />
  );
}

/** The interval of a difference: `-0.9 to +12.0`. */
export function ends(unit: Unit, { interval }: Difference): string {
  return interval ? `${signed(unit, interval[0])} to ${signed(unit, interval[1])}` : "\u2013";
}

export function chance(p: number | null): string {
  if (p === null) return "";
  return p >= 0.001 ? p.toFixed(3) : "<0.001";
}
