/** Outcomes of samples, told apart by shape and word as well as colour. */
import type { Outcome } from "../payload";

export const OUTCOMES: Record<Outcome, { sign: string; word: string }> = {
  right: { sign: "\u2713", word: "right" },
  wrong: { sign: "\u2717", word: "wrong" },
  scored: { sign: "\u25d0", word: "scored" },
  invalid: { sign: "?", word: "no valid answer" },
  model_failed: { sign: "!", word: "no output" },
  judge_failed: { sign: "\u2020", word: "judge failed" },
  waiting: { sign: "\u2026", word: "not scored yet" },
};

export function OutcomeSign({ outcome, word = false }: { outcome: Outcome; word?: boolean }) {
  const { sign, word: name } = OUTCOMES[outcome];
  return (
    <span class={`outcome ${outcome}`}>
      <span class="sign" aria-hidden="true">
        {sign}
      </span>
      <span class={word ? undefined : "hidden"}>{name}</span>
    </span>
  );
}
