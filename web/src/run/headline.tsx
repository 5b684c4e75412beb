/** The number, how sure it is, and the ways of counting samples without a value. */
import { ChanceKey, IntervalBar, ScaleTicks } from "../common/bars";
import { count, counted, span, value, when } from "../common/format";
import { WebLink } from "../common/link";
import { Outside, plain } from "../common/outside";
import { headlineOf, isShare, scaleEnd, traitOf } from "../common/traits";
import type { Metric, Run } from "../payload";
import { Accounting } from "./accounting";

export function Headline({ run }: { run: Run }) {
  const trait = traitOf(run, run.primary);
  const metric = headlineOf(run);
  const number = metric?.value ?? null;
  const published = run.published.filter((row) => row.metric === run.primary);
  const domain: [number, number] = [
    0,
    scaleEnd(trait, [number, metric?.interval?.[1], ...published.map((row) => row.value)]),
  ];
  return (
    <section class="card full headline" aria-labelledby="headline">
      <div class="lead">
        <h2 id="headline">
          <Outside text={run.title} />
        </h2>
        <p class="model">
          <Outside text={run.model} />
        </p>
        <p class="figure">
          <strong>{value(trait.unit, number)}</strong>
          {isShare(trait) && number !== null && <span class="unit">%</span>}
          <span class="label">
            <Outside text={trait.label} />
            {metric && <small>{averageOf(run, metric)}{metric.accounting} accounting</small>}
          </span>
        </p>
        <p class="interval">{sentence(run, metric)}</p>
        <IntervalBar
          domain={domain}
          value={number}
          interval={metric?.interval}
          chance={metric?.chance}
          references={published.map((row) => ({
            value: row.value,
            comparable: row.comparable,
            label: `${plain(row.model)}: ${value(trait.unit, row.value)}, published`,
          }))}
          label={`${value(trait.unit, number)} on a scale to ${value(trait.unit, domain[1])}`}
        />
        <ScaleTicks domain={domain} unit={trait.unit} />
        <Legend chance={metric?.chance !== null && metric?.chance !== undefined} published={published} />
      </div>
      <div class="beside">
        <Accounting run={run} />
        <dl class="facts">
          <dt>Samples</dt>
          <dd>
            {count(run.counts.total)}
            {!run.complete && <span class="tag warn">{run.unfinished ? "so far" : "partial"}</span>}
          </dd>
          <dt>Judge</dt>
          <dd>{run.judge ? <Outside text={run.judge} /> : WITHOUT_JUDGE[run.task] ?? "none"}</dd>
          {run.protocol && (
            <>
              <dt>Protocol</dt>
              <dd>
                <Outside text={run.protocol} />
              </dd>
            </>
          )}
          {run.date && (
            <>
              <dt>Date</dt>
              <dd><Outside text={when(run.date)} /></dd>
            </>
          )}
          <dt>Benchmark</dt>
          <dd>
            {run.builtin ? "built in" : <WebLink href={run.homepage}><Outside text={run.benchmark} /></WebLink>}
            {run.paper && (
              <>
                {", "}
                <WebLink href={run.paper}>paper</WebLink>
              </>
            )}
          </dd>
        </dl>
      </div>
    </section>
  );
}

const WITHOUT_JUDGE: Partial<Record<Run["task"], string>> = {
  mc_qa: "none: the answer is read from the output",
  caption: "none: outputs are compared with references",
};

/** Which average the headline is, where a result has several. */
function averageOf(run: Run, metric: Metric): string {
  const several = run.metrics.some((other) => other.name === `${metric.name}_macro` || other.name === `${metric.name}_micro`);
  return several ? `${metric.average === "macro" ? "average over subsets" : "average over samples"}, ` : "";
}

function sentence(run: Run, metric: Metric | undefined): string {
  if (!metric || metric.value === null) return run.no_value ?? "It has no value.";
  const { unit } = traitOf(run, run.primary);
  const videos = metric.n_clusters && metric.n_clusters !== metric.n ? ` of ${counted(metric.n_clusters, "video")}` : "";
  const interval = metric.interval ? `95% interval ${span(unit, metric.interval)}, from` : "From";
  const chance = metric.chance === null ? "" : ` Chance is ${value(unit, metric.chance)}.`;
  return `${interval} ${counted(metric.n, traitOf(run, run.primary).grouped ? "group" : "sample")}${videos}.${chance}`;
}

export function Legend({ chance, published }: { chance: boolean; published: readonly { comparable: boolean }[] }) {
  return (
    <ul class="legend">
      <li>
        <svg class="bar" width="26" height="12" aria-hidden="true">
          <g class="whisker">
            <line x1="2" x2="24" y1="6" y2="6" />
            <line x1="2" x2="2" y1="2" y2="10" />
            <line x1="24" x2="24" y1="2" y2="10" />
          </g>
        </svg>
        95% interval
      </li>
      {chance && <ChanceKey />}
      {published.some((row) => row.comparable) && (
        <li>
          <Diamond class="reference" /> published, comparable
        </li>
      )}
      {published.some((row) => !row.comparable) && (
        <li>
          <Diamond class="reference apart" /> published, not comparable
        </li>
      )}
    </ul>
  );
}

function Diamond(props: { class: string }) {
  return (
    <svg class="bar" width="12" height="14" aria-hidden="true">
      <path {...props} d="M6 1 11 7 6 13 1 7Z" />
    </svg>
  );
}
