/** Differences as bars around zero. */
import { scaleLinear } from "d3-scale";
import { IntervalBar, ScaleTicks } from "../common/bars";
import { fixed, signed, type Unit } from "../common/format";
import { plain } from "../common/outside";
import type { Difference, Trait } from "../payload";

interface Scale {
  unit: Unit;
  domain: [number, number];
}

/** The scales of several rows: one for each unit and maximum, since CIDEr, of up to 10, would leave no bar of a share. */
export class Scales {
  private readonly found = new Map<string, Scale>();

  constructor(rows: readonly (readonly [Difference, Trait])[]) {
    const keys = new Set(rows.map(([, trait]) => keyOf(trait)));
    for (const key of keys) {
      const of = rows.filter(([, trait]) => keyOf(trait) === key);
      this.found.set(key, { unit: of[0]![1].unit, domain: domainOf(of.map(([row]) => row)) });
    }
  }

  /** The scale above a column of bars, where all have one. */
  get head() {
    const [only] = this.found.values();
    return this.found.size === 1 && only ? <ScaleTicks {...only} /> : "";
  }

  /** A row's bar, with its scale below it where rows have several. */
  bar(row: Difference, trait: Trait) {
    const scale = this.found.get(keyOf(trait))!;
    return (
      <>
        <DifferenceBar row={row} {...scale} />
        {this.found.size > 1 && <ScaleTicks {...scale} />}
      </>
    );
  }
}

function keyOf({ unit, best }: Trait): string {
  return `${unit} ${best}`;
}

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
  return p >= 0.001 ? fixed(p, 3) : "<0.001";
}
