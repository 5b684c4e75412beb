/** What the judge was asked and replied, word for word. */
import { plain } from "../common/outside";
import type { Verdict } from "../payload";
import { LongText } from "./long_text";

export function Verdicts({ verdicts }: { verdicts: readonly Verdict[] }) {
  if (!verdicts.length) return null;
  return (
    <section>
      <h3>Judge</h3>
      {verdicts.map(({ stage, label, reply, error }, i) => (
        <div key={i} class="verdict">
          <p>
            <span class="stage">{plain(stage)}</span>
            {label !== null && <b>{plain(label, 200)}</b>}
          </p>
          {error !== null && <p class="error">{plain(error, 2000)}</p>}
          {reply !== null && (
            <details open={verdicts.length === 1}>
              <summary>Raw reply</summary>
              <LongText text={reply} />
            </details>
          )}
        </div>
      ))}
    </section>
  );
}
