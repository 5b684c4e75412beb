/** A text in its own lines, of which a very long one is shown in part until asked for. */
import { useState } from "preact/hooks";
import { count } from "../common/format";
import { Marked } from "../common/outside";
import type { Mark } from "../payload";

const SHOWN = 6000;

export function LongText({ text, marks = [], active }: { text: string; marks?: readonly Mark[]; active?: Mark | null }) {
  const [whole, setWhole] = useState(false);
  // Marks behind the cut need the whole text to be seen.
  const end = Math.max(SHOWN, ...marks.map((mark) => mark.end));
  const cut = !whole && text.length > end;
  if (!text) return <p class="text none">The text is empty.</p>;
  return (
    <>
      <p class="text">
        <Marked text={cut ? text.slice(0, end) : text} marks={marks} active={active} />
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
