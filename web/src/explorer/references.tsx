/** Reference texts, with the n-grams that the output has in common with them. */
import { Marked } from "../common/outside";
import type { Sample } from "../payload";

export function References({ sample: { references } }: { sample: Sample }) {
  if (!references.length) return null;
  const counted = references.some(({ marks }) => marks.some(({ kind }) => kind === "ngram"));
  return (
    <section>
      <h3>
        References <span class="n">{references.length}</span>
      </h3>
      {counted && <p class="hint">Underlined: n-grams that counted. Point at one to see which.</p>}
      <ol class="references">
        {references.map(({ text, marks }, i) => (
          <li key={i}>
            <Marked text={text} marks={marks} />
          </li>
        ))}
      </ol>
    </section>
  );
}
