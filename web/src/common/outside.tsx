/** Text that comes from outside: shown as text, isolated from the direction around it, with control characters visible. */
import type { ComponentChildren } from "preact";
import type { Mark } from "../payload";

/** Controls, directional formatting, zero-width characters and lone surrogates; not tab and line feed. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function nameOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Text with hidden characters named, for attributes and for cells of one line. */
export function plain(text: string, limit = Infinity): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}\u2026` : text;
  return cut.replace(HIDDEN, nameOf);
}

/** The same, with their names set apart. */
function visible(text: string): ComponentChildren {
  const parts: ComponentChildren[] = [];
  let from = 0;
  for (const match of text.matchAll(HIDDEN)) {
    parts.push(text.slice(from, match.index), <span class="control">{nameOf(match[0])}</span>);
    from = match.index + 1;
  }
  return parts.length ? [...parts, text.slice(from)] : text;
}

export function Outside({ text, limit = Infinity }: { text: string; limit?: number }) {
  return <bdi>{visible(text.length > limit ? `${text.slice(0, limit)}\u2026` : text)}</bdi>;
}

/** Text with some parts marked. Where marks overlap, each piece has all that cover it. */
export function Marked({ text, marks, active }: { text: string; marks: readonly Mark[]; active?: Mark | null }) {
  const bounded = [...marks, ...(active ? [active] : [])].filter((m) => m.start < m.end && m.end <= text.length);
  const cuts = [...new Set([0, text.length, ...bounded.flatMap((m) => [m.start, m.end])])].sort((a, b) => a - b);
  const pieces = cuts.slice(1).map((end, i) => {
    const start = cuts[i]!;
    const over = bounded.filter((m) => m.start <= start && end <= m.end);
    const piece = visible(text.slice(start, end));
    if (!over.length) return piece;
    const kinds = [...new Set(over.map((m) => (m === active ? "active" : m.kind)))];
    const title = plain([...new Set(over.map((m) => m.label).filter(Boolean))].join(", "), 300);
    return (
      <mark class={kinds.join(" ")} title={title || undefined}>
        {piece}
      </mark>
    );
  });
  return <bdi>{pieces}</bdi>;
}
