/** The number of samples that pass the filters, and the way back to all of them. */
import { count, counted } from "../common/format";
import { changeState, type State } from "../common/hash";

interface Props {
  shown: number;
  total: number;
  state: State;
  filters: readonly (keyof State)[];
}

export function Found({ shown, total, state, filters }: Props) {
  const active = filters.some((key) => state[key]);
  return (
    <p class="line result">
      <output aria-live="polite" id="found">
        {active ? `${count(shown)} of ${counted(total, "sample")}` : counted(total, "sample")}
      </output>
      {active && (
        <button
          type="button"
          class="quiet"
          onClick={() => changeState(Object.fromEntries(filters.map((key) => [key, null])))}
        >
          Clear filters
        </button>
      )}
    </p>
  );
}
