/** The list's filters and order, as the address of the page has them. */
import { useTable } from "@tanstack/preact-table";
import { useMemo } from "preact/hooks";
import type { State } from "../common/hash";
import type { Run } from "../payload";
import { COLUMNS, features, rowsOf } from "./rows";

export const FILTERS = ["outcome", "reason", "subset", "target", "answer", "q"] as const;

export function useList(runs: readonly Run[], state: State) {
  const data = useMemo(() => rowsOf(runs), [runs]);
  const { outcome, reason, subset, target, answer, q, sort } = state;
  const columnFilters = useMemo(() => {
    const wanted: [string, unknown][] = [
      ["outcome", outcome && outcome.split(",")],
      ["reason", reason],
      ["subset", subset],
      ["cell", (target || answer) && { target, answer }],
      ["q", q?.toLowerCase()],
    ];
    return wanted.filter(([, value]) => value).map(([id, value]) => ({ id, value }));
  }, [outcome, reason, subset, target, answer, q]);
  const sorting = useMemo(() => {
    const id = sort?.replace(/^-/, "");
    return id && COLUMNS.some((column) => column.id === id) ? [{ id, desc: sort!.startsWith("-") }] : [];
  }, [sort]);
  return useTable({ features, columns: COLUMNS, data, state: { columnFilters, sorting } });
}

export type List = ReturnType<typeof useList>;

/** Counts of a filter's values among samples that pass the other filters. */
export function facet(list: List, column: string): Map<unknown, number> {
  return list.getColumn(column)!.getFacetedUniqueValues();
}
