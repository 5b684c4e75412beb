/** The head of an opened sample: close, its place in the list, the steps to its neighbours, its name and its groups. */
import type { ComponentChildren } from "preact";
import { changeState, linkTo } from "../common/hash";
import { Outside } from "../common/outside";
import type { Sample } from "../payload";

interface Props {
  sample: Sample;
  /** What became of it, before its name. */
  sign: ComponentChildren;
  /** Its place in the list, which it may not be in. */
  at: number;
  of: number;
  step: (by: number) => void;
}

export function SampleHead({ sample, sign, at, of, step }: Props) {
  const groups = [sample.subset, ...sample.groups].filter((name, i, all) => name && all.indexOf(name) === i);
  return (
    <header class="sample-head">
      <div class="line">
        <button type="button" class="quiet back" onClick={() => changeState({ sample: null, of: null })}>
          Close
        </button>
        <span class="spring" />
        <span class="n">{at >= 0 ? `${at + 1} of ${of}` : "not in this list"}</span>
        <button type="button" class="quiet" aria-label="Previous sample" disabled={at <= 0} onClick={() => step(-1)}>
          {"\u2191"}
        </button>
        <button type="button" class="quiet" aria-label="Next sample" disabled={at >= of - 1} onClick={() => step(1)}>
          {"\u2193"}
        </button>
      </div>
      <h2 id="sample-title" tabIndex={-1}>
        {sign} <Outside text={sample.id} />
      </h2>
      <p class="tags">
        {groups.map((name) => (
          <span key={name} class="tag">
            <Outside text={name} />
          </span>
        ))}
        <a href={linkTo({ sample: sample.id })}>Link to this sample</a>
      </p>
    </header>
  );
}
