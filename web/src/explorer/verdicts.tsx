/** What the judge was asked and replied, word for word. */
import { Outside } from "../common/outside";
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
            <span class="stage"><Outside text={stage} /></span>
            {label !== null && <b><Outside text={label} limit={200} /></b>}
          </p>
          {error !== null && <p class="error"><Outside text={error} limit={2000} /></p>}
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
