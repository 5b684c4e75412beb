/** One sample: what was asked, and what each run of its benchmark on the page made of it, side by side. */
import { OutcomeSign } from "../common/outcome";
import { Outside, plain } from "../common/outside";
import { AutoDQ } from "../explorer/autodq";
import { ClipView } from "../explorer/clip";
import { Values } from "../explorer/detail";
import { LongText } from "../explorer/long_text";
import { References } from "../explorer/references";
import { SampleHead } from "../explorer/sample_head";
import { Verdicts } from "../explorer/verdicts";
import type { Clip, Comparison, Run, Sample } from "../payload";
import { TurnSign } from "./samples";
import type { Pair } from "./turns";

interface Side {
  run: Run;
  sample: Sample;
  /** `first`, `second`, or the run's name. */
  name: string;
}

interface Props {
  pair: Pair;
  comparison: Comparison;
  runs: readonly Run[];
  at: number;
  of: number;
  step: (by: number) => void;
}

export function Sides({ pair: { first, turn }, comparison, runs, at, of, step }: Props) {
  const one = runs[comparison.first]!;
  const shown = [comparison.first, comparison.second];
  // Further runs of the same benchmark come after the two.
  runs.forEach((run, i) => run.benchmark === one.benchmark && !shown.includes(i) && shown.push(i));
  const sides = shown.flatMap((i) => {
    const sample = runs[i]!.samples.find((each) => each.id === first.id);
    const name = ["first", "second"][shown.indexOf(i)] ?? runs[i]!.name;
    return sample ? [{ run: runs[i]!, sample, name }] : [];
  });
  const verdicts = comparison.judges.find(({ id }) => id === first.id);
  const clips = clipsOf(sides);
  const said = (side: "first" | "second") => (
    <>
      {comparison.judged_by && (
        <>
          <Outside text={comparison.judged_by[side]} />:{" "}
        </>
      )}
      <Outside text={verdicts?.[side] ?? ""} />
    </>
  );
  return (
    <article aria-labelledby="sample-title">
      <SampleHead sample={first} sign={<TurnSign turn={turn} word />} at={at} of={of} step={step} />
      {verdicts && (
        <p class="why invalid">
          Two judges differ on the same output: {said("first")} and {said("second")}.
        </p>
      )}
      {clips.map(({ clip, names }) => (
        <div key={names[0]} class="clip-of">
          {names.length < sides.length && (
            <p>
              {names.map((name) => (
                <span key={name} class="tag">
                  {plain(name, 40)}
                </span>
              ))}
            </p>
          )}
          <ClipView clip={clip} />
        </div>
      ))}
      <section>
        <h3>Question</h3>
        {first.question && (
          <p class="question">
            <Outside text={first.question} />
          </p>
        )}
        <Choices sample={first} sides={sides} />
        {!first.options.length && first.targets.length > 0 && !first.references.length && (
          <p>
            <span class="n">Target</span> <Outside text={first.targets.join(" / ")} />
          </p>
        )}
        {first.prompt && (
          <details open={!first.question}>
            <summary>Prompt as sent</summary>
            <LongText text={first.prompt} />
          </details>
        )}
      </section>
      <div class="sides">
        {sides.map((side) => (
          <OneSide key={side.name} {...side} />
        ))}
      </div>
    </article>
  );
}

/** What the runs were shown: each clip once, where several saw the same frames of the same files, with their names. */
function clipsOf(sides: readonly Side[]): { clip: Clip; names: string[] }[] {
  const found = new Map<string, { clip: Clip; names: string[] }>();
  for (const { run, sample, name } of sides) {
    const clip = sample.clip === null ? undefined : run.clips[sample.clip];
    if (!clip) continue;
    const key = JSON.stringify(clip.media.map(({ file, span, frames }) => [file, span, frames]));
    const same = found.get(key);
    if (same) same.names.push(name);
    else found.set(key, { clip, names: [name] });
  }
  return [...found.values()];
}

/** The options, each with the runs that took it. */
function Choices({ sample: { options, target }, sides }: { sample: Sample; sides: readonly Side[] }) {
  if (!options.length) return null;
  return (
    <ol class="options">
      {options.map((option, i) => {
        const letter = String.fromCharCode(65 + i);
        const wanted = target === letter || target === option;
        const takers = sides.filter(({ sample: { answer } }) => answer === letter || answer === option);
        return (
          <li key={i} class={wanted ? "wanted" : undefined}>
            <span class="letter">{letter}</span>
            <span>
              <Outside text={option} />
              {wanted && <span class="tag">target</span>}
              {takers.map(({ name }) => (
                <span key={name} class="tag">
                  {plain(name, 40)}
                </span>
              ))}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function OneSide({ run, sample, name }: Side) {
  return (
    <section class="side" aria-label={`Output of ${plain(run.model)}, ${plain(name)}`}>
      <h3>
        {name !== run.name && <span class="tag">{name}</span>}
        <Outside text={run.model} /> <span class="n">{plain(run.name, 60)}</span>
        {run.judge !== null && (
          <span class="n">
            {", "}
            judged by <Outside text={run.protocol ? `${run.judge} (${run.protocol})` : run.judge} />
          </span>
        )}
      </h3>
      <p>
        <OutcomeSign outcome={sample.outcome} word />
      </p>
      {(sample.why || sample.reason) && (
        <p class={`why ${sample.outcome}`}>
          <Outside text={sample.why || sample.reason || ""} />
        </p>
      )}
      {sample.events ? (
        <AutoDQ sample={sample} events={sample.events} />
      ) : (
        <>
          {sample.output === null ? <p>There is no output.</p> : <LongText text={sample.output} marks={sample.marks} />}
          {sample.answer !== null && sample.answer !== sample.output && (
            <p class="read">
              Read as <b>{plain(sample.answer, 300)}</b>
            </p>
          )}
          <References sample={sample} />
        </>
      )}
      <Values run={run} sample={sample} />
      <Verdicts verdicts={sample.verdicts} />
    </section>
  );
}
