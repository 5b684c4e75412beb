/** A text in its own lines, of which a very long one is shown in part until asked for. */
import { useState } from "preact/hooks";
import { count } from "../common/format";
import { Marked } from "../common/outside";
import type { Mark } from "../payload";

const SHOWN = 6000;

export function LongText({ text, marks = [], active }: { text: string; marks?: readonly Mark[]; active?: Mark | null }) {
  const [whole, setWhole] = useState(false);
  // A part that was asked for needs the text up to it.
  const end = Math.max(SHOWN, active?.end ?? 0);
  const cut = !whole && text.length > end;
  const seen = cut ? marks.filter((mark) => mark.end <= end) : marks;
  if (!text) return <p class="text none">The text is empty.</p>;
  return (
    <>
      <p class="text">
        <Marked text={cut ? text.slice(0, end) : text} marks={seen} active={active} />
        {cut && "\u2026"}
      </p>
      {cut && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          Show all {count(text.length)} characters
        </button>
      )}
    </>
  );
}
