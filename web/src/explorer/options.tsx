/** Options of a multiple-choice question, with the right one and the one that was taken. */
import { Outside } from "../common/outside";
import type { Sample } from "../payload";

export function Options({ sample: { options, answer, target } }: { sample: Sample }) {
  if (!options.length) return null;
  return (
    <ol class="options">
      {options.map((option, i) => {
        const letter = String.fromCharCode(65 + i);
        const is = (named: string | null) => named === letter || named === option;
        const [wanted, given] = [is(target), is(answer)];
        return (
          <li key={i} class={[wanted && "wanted", given && (wanted ? "given" : "given wrong")].filter(Boolean).join(" ")}>
            <span class="letter">{letter}</span>
            <span>
              <Outside text={option} />
              {wanted && " "}
              {wanted && <span class="tag">target</span>}
              {given && " "}
              {given && <span class="tag">answer</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
