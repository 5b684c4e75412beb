/** Samples on whose output, the same in both runs, two judges differ. */
import { useMemo } from "preact/hooks";
import { counted } from "../common/format";
import { StateLink } from "../common/link";
import { Outside } from "../common/outside";
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
  { id: "first", head: "First judge", sort: (row) => row.first, cell: (row) => <Outside text={row.first} /> },
  { id: "second", head: "Second judge", sort: (row) => row.second, cell: (row) => <Outside text={row.second} /> },
];

export function Judges({ comparison: { judges } }: { comparison: Comparison }) {
  const rows = useMemo(() => judges.slice(0, SHOWN), [judges]);
  if (!rows.length) return null;
  return (
    <section class="card full" aria-labelledby="judges">
      <h2 id="judges">Where the judges differ</h2>
      <p class="hint">{counted(judges.length, "sample")} with the same output in both runs, and another verdict.</p>
      <Table caption="Samples on which the judges differ" columns={COLUMNS} rows={rows} />
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
