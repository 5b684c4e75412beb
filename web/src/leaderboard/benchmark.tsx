/** One benchmark: a table for all numbers that can be compared with each other, then published ones, on one scale. */
import { useMemo } from "preact/hooks";
import { ChanceKey, IntervalBar, ScaleTicks } from "../common/bars";
import { count, span, value } from "../common/format";
import { StateLink, WebLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import { scaleEnd } from "../common/traits";
import type { Leaderboard, LeaderboardRow } from "../payload";
import { Subsets } from "./subsets";

type Benchmark = Leaderboard["benchmarks"][number];

export function BenchmarkTables({ benchmark, rows }: { benchmark: Benchmark; rows: readonly LeaderboardRow[] }) {
  const { unit, best, metric: name } = benchmark;
  const domain = useMemo((): [number, number] => {
    const values = rows.flatMap((row) => [row.value, row.interval?.[1]]);
    return [0, scaleEnd({ name, label: name, unit, best }, values)];
  }, [rows, benchmark]);
  const groups = useMemo(() => {
    const found = new Map<string, LeaderboardRow[]>();
    const sorted = [...rows].sort((a, b) => Number(a.published) - Number(b.published) || (b.value ?? -1) - (a.value ?? -1));
    for (const row of sorted) found.set(row.group, [...(found.get(row.group) ?? []), row]);
    return [...found];
  }, [rows]);
  return (
    <>
      {groups.map(([group, own]) => (
        <section key={group} class="card full" aria-label={plain(group)}>
          <h2>{own[0]!.published ? "Published numbers" : `Measured: ${name}`}</h2>
          <p class="hint">
            <Outside text={group} />
            {groups.length > 1 && " Never compare numbers of two tables."}
          </p>
          <Rows caption={plain(group)} rows={own} benchmark={benchmark} domain={domain} />
        </section>
      ))}
      <Legend published={rows.some((row) => row.published)} chance={rows.some((row) => row.chance !== null)} />
      <Subsets unit={unit} groups={groups} />
    </>
  );
}

interface RowsProps {
  caption: string;
  rows: readonly LeaderboardRow[];
  benchmark: Benchmark;
  domain: [number, number];
}

function Rows({ caption, rows, benchmark, domain }: RowsProps) {
  const columns = useMemo(() => columnsOf(rows, benchmark, domain), [rows, benchmark, domain]);
  return <Table caption={caption} columns={columns} rows={rows} />;
}

function columnsOf(
  rows: readonly LeaderboardRow[],
  { unit }: Benchmark,
  domain: [number, number],
): Column<LeaderboardRow>[] {
  const columns: Column<LeaderboardRow>[] = [
    { id: "model", head: "Model", sort: (row) => row.model, cell: (row) => <Model row={row} /> },
    {
      id: "value",
      head: "Value",
      numeric: true,
      sort: (row) => row.value,
      cell: (row) => (
        <>
          {row.best && (
            <span class="tag best" title="Better than every other complete row of this table by more than chance explains">
              {rows.every((each) => each.complete) ? "best" : "best complete"}
            </span>
          )}
          <b>{value(unit, row.value)}</b>
        </>
      ),
    },
    {
      id: "bar",
      head: <ScaleTicks domain={domain} unit={unit} />,
      wide: true,
      cell: (row) => (
        <IntervalBar
          domain={domain}
          value={row.published ? null : row.value}
          interval={row.interval}
          chance={row.chance}
          references={
            row.published && row.value !== null ? [{ value: row.value, comparable: false, label: "published" }] : []
          }
          label={`${plain(row.model)}: ${value(unit, row.value)}`}
        />
      ),
    },
  ];
  if (rows[0]!.published)
    return [
      ...columns,
      {
        id: "source",
        head: "Source",
        sort: (row) => row.source,
        cell: (row) => (
          <WebLink href={row.source}>
            <Outside text={row.source} />
          </WebLink>
        ),
      },
    ];
  return [
    ...columns,
    { id: "interval", head: "95% interval", numeric: true, cell: (row) => span(unit, row.interval) },
    { id: "n", head: "n", numeric: true, sort: (row) => row.n, cell: (row) => (row.n === null ? "\u2013" : count(row.n)) },
    { id: "frames", head: "Frames", sort: (row) => row.frames, cell: (row) => <Outside text={row.frames} /> },
    { id: "date", head: "Scored", sort: (row) => row.date, cell: (row) => plain(row.date.slice(0, 10)) },
  ];
}

/** A model with what tells its rows apart, and what to know before its number is quoted. */
export function Model({ row }: { row: LeaderboardRow }) {
  return (
    <>
      <StateLink to={{ model: row.model }}>
        <Outside text={row.model} />
      </StateLink>{" "}
      {row.published && <span class="tag apart">published</span>}
      {!row.complete && <span class="tag warn">incomplete</span>}
      {row.builtin && <span class="tag warn">built-in world</span>}
      {row.differs && (
        <small class="note">
          <Outside text={row.differs} />
        </small>
      )}
      {row.caveats.length > 0 && !row.published && (
        <details class="row-caveats">
          <summary>{row.caveats.length === 1 ? "1 caveat" : `${row.caveats.length} caveats`}</summary>
          <ul class="caveats">
            {row.caveats.map((caveat) => (
              <li key={caveat}>
                <Outside text={caveat} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Legend({ published, chance }: { published: boolean; chance: boolean }) {
  return (
    <ul class="legend full">
      <li>
        <svg class="bar" width="26" height="12" aria-hidden="true">
          <rect class="value" x="0" y="2" width="18" height="8" />
          <g class="whisker">
            <line x1="10" x2="25" y1="6" y2="6" />
            <line x1="10" x2="10" y1="2" y2="10" />
            <line x1="25" x2="25" y1="2" y2="10" />
          </g>
        </svg>
        measured, with its 95% interval
      </li>
      {published && (
        <li>
          <svg class="bar" width="12" height="14" aria-hidden="true">
            <path class="reference apart" d="M6 1 11 7 6 13 1 7Z" />
          </svg>
          published: no interval, other samples or another judge are possible
        </li>
      )}
      {chance && <ChanceKey />}
    </ul>
  );
}
