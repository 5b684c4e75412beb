/** Samples on whose output, the same in both runs, two judges differ. */
import { useMemo } from "preact/hooks";
import { counted } from "../common/format";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import type { Comparison } from "../payload";

type Row = Comparison["judges"][number];

const SHOWN = 50;
const COLUMNS: Column<Row>[] = [
  {
    id: "id",
    head: "Sample",
    sort: (row) => row.id,
    cell: (row) => (
      <StateLink to={{ tab: "samples", disputed: "1", turn: null, subset: null, sample: row.id }}>
        <Outside text={row.id} />
      </StateLink>
    ),
  },
];

function columnsOf(by: Comparison["judged_by"]): Column<Row>[] {
  return [
    ...COLUMNS,
    ...(["first", "second"] as const).map(
      (side): Column<Row> => ({
        id: side,
        head: (
          <span class="system-name">
            {side === "first" ? "First judge" : "Second judge"}
            {by && <small>{plain(by[side], 60)}</small>}
          </span>
        ),
        sort: (row) => row[side],
        cell: (row) => <Outside text={row[side]} />,
      }),
    ),
  ];
}

export function Judges({ comparison: { judges, judged_by } }: { comparison: Comparison }) {
  const columns = useMemo(() => columnsOf(judged_by), [judged_by]);
  const rows = useMemo(() => judges.slice(0, SHOWN), [judges]);
  if (!rows.length) return null;
  return (
    <section class="card full" aria-labelledby="judges">
      <h2 id="judges">Where the judges differ</h2>
      <p class="hint">{counted(judges.length, "sample")} with the same output in both runs, and another verdict.</p>
      {judged_by?.differ && (
        <p class="hint">
          <Outside text={judged_by.differ} />
        </p>
      )}
      <Table caption="Samples on which the judges differ" columns={columns} rows={rows} />
      {judges.length > rows.length && (
        <p>
          <StateLink to={{ tab: "samples", disputed: "1", turn: null, subset: null, sample: null }}>
            All {counted(judges.length, "sample")}
          </StateLink>
        </p>
      )}
    </section>
  );
}
