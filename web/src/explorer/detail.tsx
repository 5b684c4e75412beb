/** One sample: what the model saw, what it was asked, what it said, and what that was worth. */
import { value } from "../common/format";
import { OutcomeSign } from "../common/outcome";
import { Outside } from "../common/outside";
import { traitOf } from "../common/traits";
import { AutoDQ } from "./autodq";
import { ClipView } from "./clip";
import { Options } from "./options";
import { References } from "./references";
import type { Row } from "./rows";
import { LongText } from "./long_text";
import { SampleHead } from "./sample_head";
import { Verdicts } from "./verdicts";

interface Props {
  row: Row;
  /** Its place in the list, which it may not be in. */
  at: number;
  of: number;
  step: (by: number) => void;
}

export function Detail({ row: { run, sample }, at, of, step }: Props) {
  const clip = sample.clip === null ? undefined : run.clips[sample.clip];
  return (
    <article aria-labelledby="sample-title">
      <SampleHead sample={sample} sign={<OutcomeSign outcome={sample.outcome} word />} at={at} of={of} step={step} />
      {(sample.why || sample.reason) && (
        <p class={`why ${sample.outcome}`}>
          {sample.why && <Outside text={sample.why} />}
          {sample.reason && !sample.why.includes(sample.reason) && (
            <>
              {sample.why && " "}
              <Outside text={sample.reason} />
            </>
          )}
        </p>
      )}
      <Values run={run} sample={sample} />
      {clip && <ClipView clip={clip} />}
      <section>
        <h3>Question</h3>
        {sample.question && (
          <p class="question">
            <Outside text={sample.question} />
          </p>
        )}
        <Options sample={sample} />
        {sample.prompt && (
          <details open={!sample.question}>
            <summary>Prompt as sent</summary>
            <LongText text={sample.prompt} />
          </details>
        )}
      </section>
      {!sample.options.length && !sample.references.length && sample.targets.length > 0 && (
        <section>
          <h3>Target</h3>
          <ul class="targets">
            {sample.targets.map((target, i) => (
              <li key={i}>
                <Outside text={target} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {sample.events ? (
        <AutoDQ sample={sample} events={sample.events} />
      ) : (
        <>
          <section>
            <h3>Output</h3>
            {sample.output === null ? <p>There is none.</p> : <LongText text={sample.output} marks={sample.marks} />}
            {sample.answer !== null && sample.answer !== sample.output && (
              <p class="read">
                Read as <b><Outside text={sample.answer} limit={300} /></b>
              </p>
            )}
          </section>
          <References sample={sample} />
        </>
      )}
      <Verdicts verdicts={sample.verdicts} />
    </article>
  );
}

/** Values of the sample by metric; besides the one that counts, these are companions that no judge had a part in. */
export function Values({ run, sample }: Pick<Row, "run" | "sample">) {
  const names = Object.keys(sample.values);
  if (!names.length) return null;
  names.sort((a, b) => Number(b === run.primary) - Number(a === run.primary));
  return (
    <dl class="values">
      {names.map((name) => {
        const { label, unit } = traitOf(run, name);
        return (
          <div key={name} class={name === run.primary ? "primary" : undefined}>
            <dt><Outside text={label} /></dt>
            <dd>{value(unit, sample.values[name])}</dd>
          </div>
        );
      })}
    </dl>
  );
}
