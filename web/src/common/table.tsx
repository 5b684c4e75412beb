/** A table of few rows that sorts by a click on a header, for reports. Long lists are in explorer/list.tsx. */
import {
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  useTable,
  type ColumnDef,
} from "@tanstack/preact-table";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

export interface Column<Row> {
  id: string;
  head: ComponentChildren;
  cell: (row: Row) => ComponentChildren;
  /** What it sorts by; a column without it does not sort. */
  sort?: (row: Row) => number | string | null;
  numeric?: boolean;
  /** Takes the width that is left. */
  wide?: boolean;
}

interface Props<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** Rows that stay at the top, as they are. */
  pinned?: readonly Row[];
  rowClass?: (row: Row) => string | undefined;
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

export function Table<Row>({ caption, columns, rows, pinned = [], rowClass }: Props<Row>) {
  type Held = { row: Row };
  const data = useMemo(() => rows.map((row): Held => ({ row })), [rows]);
  const definitions = useMemo(
    () =>
      columns.map(
        (column): ColumnDef<typeof features, Held> => ({
          id: column.id,
          // Values that are missing go last whichever way it sorts.
          accessorFn: ({ row }) => column.sort?.(row) ?? undefined,
          sortFn: column.numeric ? "basic" : "alphanumeric",
          sortUndefined: "last",
          enableSorting: column.sort !== undefined,
          sortDescFirst: column.numeric ?? false,
        }),
      ),
    [columns],
  );
  const table = useTable({ features, columns: definitions, data });
  const heads = table.getHeaderGroups()[0]!.headers;
  const cells = (row: Row) =>
    columns.map((column, i) => {
      const Cell = i ? "td" : "th";
      return (
        <Cell key={column.id} scope={i ? undefined : "row"} class={classOf(column)}>
          {column.cell(row)}
        </Cell>
      );
    });
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={column.id} scope="col" class={classOf(column)} aria-sort={ariaSort(heads[i]!.column.getIsSorted())}>
                {column.wide && <span class="hidden">On a scale</span>}
                {column.sort ? (
                  <button type="button" class="sort" onClick={heads[i]!.column.getToggleSortingHandler()}>
                    {column.head}
                  </button>
                ) : (
                  column.head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {pinned.map((row, i) => (
            <tr key={i} class={rowClass?.(row)}>
              {cells(row)}
            </tr>
          ))}
          {table.getRowModel().rows.map(({ id, original }) => (
            <tr key={id} class={rowClass?.(original.row)}>
              {cells(original.row)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function ariaSort(sorted: false | "asc" | "desc"): "ascending" | "descending" | undefined {
  if (!sorted) return undefined;
  return sorted === "asc" ? "ascending" : "descending";
}

function classOf<Row>(column: Column<Row>): string | undefined {
  return [column.numeric && "number", column.wide && "wide"].filter(Boolean).join(" ") || undefined;
}
