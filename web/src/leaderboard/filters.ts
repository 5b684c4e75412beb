/** What the leaderboard is filtered by. The keys are those in the address. */
import type { State } from "../common/hash";
import type { LeaderboardRow } from "../payload";

export interface Filter {
  key: string;
  label: string;
  /** Each value with its text. */
  values: [string, string][];
}

const ORIGINS: [string, string][] = [
  ["measured", "measured here"],
  ["published", "published"],
];

const DATA: [string, string][] = [
  ["benchmark", "without the built-in world"],
  ["builtin", "built-in world"],
];

export function filtersOf(rows: readonly LeaderboardRow[]): Filter[] {
  const values = (of: (row: LeaderboardRow) => string): [string, string][] =>
    [...new Set(rows.map(of))].filter(Boolean).sort().map((name) => [name, name]);
  const filters: Filter[] = [
    { key: "model", label: "Model", values: values((row) => row.model) },
    { key: "frames", label: "Frames", values: values((row) => row.frames) },
    { key: "judge", label: "Judge", values: values((row) => row.judge) },
    { key: "origin", label: "Origin", values: ORIGINS },
    { key: "data", label: "Data", values: new Set(rows.map((row) => row.builtin)).size > 1 ? DATA : [] },
    { key: "accounting", label: "Accounting", values: values((row) => row.accounting) },
  ];
  return filters.filter(({ values: each }) => each.length > 1);
}

/** Published rows state no accounting and no frames: they pass every accounting, and the frames that are asked for not. */
export function passes(row: LeaderboardRow, state: State): boolean {
  if (state.model && row.model !== state.model) return false;
  if (state.frames && row.frames !== state.frames) return false;
  if (state.judge && row.judge !== state.judge) return false;
  if (state.origin && row.published !== (state.origin === "published")) return false;
  if (state.data && row.builtin !== (state.data === "builtin")) return false;
  return row.published || row.accounting === (state.accounting || "strict");
}
