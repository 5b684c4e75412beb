/** One run against the first: the difference, how sure it is, and in which subsets. */
import { useMemo } from "preact/hooks";
import { IntervalBar, ScaleTicks } from "../common/bars";
import { count, signed, span, value } from "../common/format";
import { changeState, useHashState } from "../common/hash";
import { StateLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { Table, type Column } from "../common/table";
import { scaleEnd, traitOf } from "../common/traits";
import type { Comparison, Difference, Run } from "../payload";
import { chance, DifferenceBar, domainOf, ends, Scales } from "./bars";
import { Judges } from "./judges";
import { primaryOf } from "./overview";
import { TURNS } from "./turns";

interface Props {
  comparison: Comparison;
  runs: readonly Run[];
}

export function Differences({ comparison, runs }: Props) {
  const run = runs[comparison.first]!;
  const state = useHashState();
  const accountings = [...new Set(comparison.rows.map((row) => row.accounting))];
  const accounting = accountings.find((name) => name === state.accounting) ?? "strict";
  const overall = useMemo(() => comparison.rows.filter((row) => row.subset === "overall"), [comparison]);
  const subsets = useMemo(
    () => comparison.rows.filter((row) => row.subset !== "overall" && row.accounting === accounting),
    [comparison, accounting],
  );
  return (
    <div class="report differences">
      <Headline comparison={comparison} runs={runs} />
      {comparison.caveats.length > 0 && (
        <section class="card full" aria-labelledby="caveats">
          <h2 id="caveats">What differs, and what makes them hard to compare</h2>
          <ul class="caveats">
            {comparison.caveats.map((caveat) => (
              <li key={caveat}>
                <Outside text={caveat} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="card full" aria-labelledby="overall">
        <h2 id="overall">Over all</h2>
        <Rows caption="Differences over all" rows={overall} run={run} />
        <p class="hint legend-text">{comparison.explained}</p>
      </section>
      {subsets.length > 0 && (
        <section class="card full" aria-labelledby="subsets">
          <div class="line">
            <h2 id="subsets">Subsets</h2>
            <label class="choice short">
              <span>Accounting</span>
              <select value={accounting} onChange={(event) => changeState({ accounting: event.currentTarget.value })}>
                {accountings.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          </div>
          <Rows caption="Differences by subset" rows={subsets} run={run} />
        </section>
      )}
      <Judges comparison={comparison} />
    </div>
  );
}

function Headline({ comparison, runs }: Props) {
  const row = primaryOf(comparison, runs);
  const [one, other] = [runs[comparison.first]!, runs[comparison.second]!];
  const { unit, ...trait } = traitOf(one, row?.metric ?? one.primary);
  const own = [one, other].map((run) => run.metrics.find((m) => m.name === row?.metric && m.accounting === row.accounting && m.subset === "overall"));
  const values = [row?.first, row?.second];
  const domain: [number, number] = [0, scaleEnd({ unit, ...trait }, [...values, ...own.map((m) => m?.interval?.[1])])];
  return (
    <section class="card headline full" aria-labelledby="headline">
      <div class="lead">
        <h2 id="headline">
          <Outside text={one.title} />
        </h2>
        <p class="figure">
          <strong>{signed(unit, row?.difference)}</strong>
          <span class="label">
            {row && plain(trait.label)}
            <small>{row?.accounting} accounting, second less first</small>
          </span>
        </p>
        {row && (
          <>
            <DifferenceBar row={row} domain={domainOf([row])} unit={unit} />
            <ScaleTicks domain={domainOf([row])} unit={unit} />
          </>
        )}
        <p class="sentence">
          <Outside text={comparison.sentence} />
        </p>
      </div>
      <div class="beside">
        {[one, other].map((run, i) => (
          <div key={i} class="system">
            <p>
              <span class="tag">{i ? "second" : "first"}</span>
              <b>
                <Outside text={run.model} />
              </b>{" "}
              <small class="n">
                <Outside text={run.name} />
              </small>
            </p>
            <IntervalBar
              domain={domain}
              value={values[i] ?? null}
              interval={matching(own[i]?.interval, own[i]?.value, values[i])}
              chance={own[i]?.chance}
              label={`${plain(run.model)}: ${value(unit, values[i])}`}
            />
            <p class="n">
              {value(unit, values[i])}
              {matching(own[i]?.interval, own[i]?.value, values[i]) && `, 95% interval ${span(unit, own[i]?.interval)}`}
            </p>
          </div>
        ))}
        <ul class="turns">
          {(["gained", "lost"] as const).map((turn) => (
            <li key={turn}>
              <StateLink to={{ tab: "samples", turn, sample: null }}>
                {TURNS[turn].sign} {count(comparison[turn].length)} {TURNS[turn].word}
              </StateLink>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

/** A run's own interval, where its number is about the same samples as the comparison. */
function matching<T>(interval: T, own: number | null | undefined, shown: number | null | undefined): T | null {
  return typeof own === "number" && typeof shown === "number" && Math.abs(own - shown) < 1e-9 ? interval : null;
}

function Rows({ caption, rows, run }: { caption: string; rows: readonly Difference[]; run: Run }) {
  const columns = useMemo(() => columnsOf(rows, run), [rows, run]);
  return <Table caption={caption} columns={columns} rows={rows} />;
}

function columnsOf(rows: readonly Difference[], run: Run): Column<Difference>[] {
  const unitOf = (row: Difference) => traitOf(run, row.metric).unit;
  const scales = new Scales(rows.map((row) => [row, traitOf(run, row.metric)]));
  const isOverall = rows[0]?.subset === "overall";
  const columns: Column<Difference>[] = [
    isOverall
      ? { id: "metric", head: "Metric", cell: (row) => <span class="nowrap">{`${traitOf(run, row.metric).label}, ${row.accounting}`}</span> }
      : {
          id: "subset",
          head: "Subset",
          sort: (row) => row.subset,
          cell: (row) => (
            <StateLink to={{ tab: "samples", subset: row.subset, sample: null }}>
              <Outside text={row.subset} />
            </StateLink>
          ),
        },
    {
      id: "difference",
      head: "Difference",
      numeric: true,
      sort: (row) => row.difference,
      cell: (row) => <b>{signed(unitOf(row), row.difference)}</b>,
    },
    {
      id: "bar",
      head: scales.head,
      wide: true,
      cell: (row) => scales.bar(row, traitOf(run, row.metric)),
    },
    { id: "interval", head: "95% interval", numeric: true, cell: (row) => ends(unitOf(row), row) },
    { id: "first", head: "First", numeric: true, sort: (row) => row.first, cell: (row) => value(unitOf(row), row.first) },
    { id: "second", head: "Second", numeric: true, sort: (row) => row.second, cell: (row) => value(unitOf(row), row.second) },
    { id: "p", head: "p", numeric: true, sort: (row) => row.p, cell: (row) => chance(row.p) },
  ];
  if (!isOverall)
    columns.push({
      id: "adjusted",
      head: "p (Holm)",
      numeric: true,
      sort: (row) => row.p_adjusted,
      cell: (row) => chance(row.p_adjusted),
    });
  columns.push(
    {
      id: "detectable",
      head: "Detectable",
      numeric: true,
      sort: (row) => row.detectable,
      cell: (row) => (row.blind ? "none" : value(unitOf(row), row.detectable)),
    },
    { id: "n", head: "n", numeric: true, sort: (row) => row.n, cell: (row) => count(row.n) },
  );
  return columns;
}
