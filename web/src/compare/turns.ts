/** The samples that two runs share, and which way each turned. */
import { textOf } from "../explorer/rows";
import type { Comparison, Run, Sample } from "../payload";

export const TURNS = {
  gained: { sign: "\u2191", word: "better in the second" },
  lost: { sign: "\u2193", word: "better in the first" },
  same: { sign: "=", word: "no change" },
} as const;

export type Turn = keyof typeof TURNS;

export interface Pair {
  first: Sample;
  second: Sample;
  turn: Turn;
  /** Whether two judges differ about the same output. */
  disputed: boolean;
}

/** Those that turned come first. */
export function pairsOf(comparison: Comparison, runs: readonly Run[]): Pair[] {
  const others = new Map(runs[comparison.second]!.samples.map((sample) => [sample.id, sample]));
  const gained = new Set(comparison.gained);
  const lost = new Set(comparison.lost);
  const disputed = new Set(comparison.judges.map(({ id }) => id));
  const pairs = runs[comparison.first]!.samples.flatMap((first): Pair[] => {
    const second = others.get(first.id);
    if (!second) return [];
    const turn = gained.has(first.id) ? "gained" : lost.has(first.id) ? "lost" : "same";
    return [{ first, second, turn, disputed: disputed.has(first.id) }];
  });
  const order = Object.keys(TURNS);
  return pairs.sort((a, b) => order.indexOf(a.turn) - order.indexOf(b.turn));
}

export interface Wanted {
  turns: readonly string[];
  disputed: boolean;
  subset: string | undefined;
  /** In lower case. */
  text: string | undefined;
}

export function passes({ first, second, turn, disputed }: Pair, wanted: Wanted): boolean {
  if (wanted.turns.length && !wanted.turns.includes(turn)) return false;
  if (wanted.disputed && !disputed) return false;
  if (wanted.subset && first.subset !== wanted.subset && !first.groups.includes(wanted.subset)) return false;
  return !wanted.text || textOf(first).includes(wanted.text) || textOf(second).includes(wanted.text);
}
