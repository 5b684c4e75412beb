/** Numbers of papers and model cards for the same benchmark, told apart where they are not comparable. */
import { useMemo } from "preact/hooks";
import { IntervalBar } from "../common/bars";
import { value } from "../common/format";
import { WebLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import { headlineOf, scaleEnd, traitOf } from "../common/traits";
import type { Run } from "../payload";

type Row = Run["published"][number] & { own?: boolean };

export function Published({ run }: { run: Run }) {
  const columns = useMemo(() => columnsOf(run), [run]);
  const own = useMemo(() => {
    const number = headlineOf(run)?.value;
    if (number === null || number === undefined) return [];
    const row = { model: run.model, metric: run.primary, value: number, source: "", comparable: true, note: "" };
    return [{ ...row, own: true }];
  }, [run]);
  if (!run.published.length) return null;
  return (
    <section class="card full" aria-labelledby="published">
      <h2 id="published">Published numbers</h2>
      <Table<Row>
        caption="Published numbers"
        columns={columns}
        rows={run.published}
        pinned={own}
        rowClass={(row) => (row.own ? "overall" : row.comparable ? undefined : "apart")}
      />
    </section>
  );
}

function columnsOf(run: Run): Column<Row>[] {
  const trait = traitOf(run, run.primary);
  const metric = headlineOf(run);
  const values = [metric?.value, metric?.interval?.[1], ...run.published.map((row) => row.value)];
  const domain: [number, number] = [0, scaleEnd(trait, values)];
  return [
    {
      id: "model",
      head: "Model",
      sort: (row) => row.model,
      cell: (row) => <Outside text={row.model} />,
    },
    {
      id: "value",
      head: "Value",
      numeric: true,
      sort: (row) => row.value,
      cell: (row) => <b>{value(traitOf(run, row.metric).unit, row.value)}</b>,
    },
    {
      id: "bar",
      head: "",
      wide: true,
      cell: (row) => (
        <IntervalBar
          domain={domain}
          value={row.own ? row.value : null}
          interval={row.own ? metric?.interval : null}
          chance={metric?.chance}
          references={row.own ? [] : [{ value: row.value, comparable: row.comparable, label: kindOf(row) }]}
          label={`${plain(row.model)}: ${value(traitOf(run, row.metric).unit, row.value)}`}
        />
      ),
    },
    {
      id: "kind",
      head: "Kind",
      sort: kindOf,
      cell: (row) => <span class={row.own ? "tag" : row.comparable ? "tag published" : "tag apart"}>{kindOf(row)}</span>,
    },
    {
      id: "source",
      head: "Source",
      cell: (row) => (
        <>
          <WebLink href={row.source}>
            <Outside text={row.source} />
          </WebLink>
          {row.note && (
            <small class="note">
              <Outside text={row.note} />
            </small>
          )}
        </>
      ),
    },
  ];
}

function kindOf(row: Row): string {
  if (row.own) return "this run";
  return row.comparable ? "published" : "published, not comparable";
}
