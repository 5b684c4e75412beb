/** AutoDQ: events of both texts and what the judge made of them. One that has the focus shows its sentence. */
import { useState } from "preact/hooks";
import { Outside } from "../common/outside";
import type { Event, Mark, Sample } from "../payload";
import { LongText } from "./long_text";

type Side = "reference" | "prediction";

const LABELS = {
  entailment: { sign: "\u2713", word: "entailed" },
  neutral: { sign: "\u25cb", word: "neutral" },
  contradiction: { sign: "\u2717", word: "contradicted" },
} as const;

export function AutoDQ({ sample, events }: { sample: Sample; events: NonNullable<Sample["events"]> }) {
  const [active, setActive] = useState<{ side: Side; index: number } | null>(null);
  const sides: { side: Side; title: string; text: string | null; found: string }[] = [
    {
      side: "reference",
      title: "Reference",
      text: sample.references[0]?.text ?? sample.targets[0] ?? null,
      found: "in the description (recall)",
    },
    { side: "prediction", title: "Description by the model", text: sample.output, found: "in the reference (precision)" },
  ];
  return (
    <section class="autodq">
      {sides.map(({ side, title, text, found }) => (
        <div key={side} class="side">
          <h3>{title}</h3>
          {text === null ? (
            <p>There is none.</p>
          ) : (
            <LongText text={text} marks={marksOf(events[side])} active={activeMark(events[side], side, active)} />
          )}
          <h4>
            Events <span class="n">{tally(events[side])}</span> {found}
          </h4>
          <ol class="events">
            {events[side].map((event, index) => (
              <EventItem
                key={index}
                event={event}
                active={active?.side === side && active.index === index}
                setActive={(on) => setActive(on ? { side, index } : null)}
              />
            ))}
          </ol>
        </div>
      ))}
    </section>
  );
}

interface ItemProps {
  event: Event;
  active: boolean;
  setActive: (on: boolean) => void;
}

function EventItem({ event: { text, label, reason, span }, active, setActive }: ItemProps) {
  const { sign, word } = label ? LABELS[label] : { sign: "\u2013", word: "no verdict" };
  return (
    <li class={`event ${label ?? "none"}${active ? " active" : ""}`}>
      <button
        type="button"
        title={span ? "Shows its sentence above" : "No sentence of the text is like it"}
        onMouseEnter={() => setActive(true)}
        onMouseLeave={() => setActive(false)}
        onFocus={() => setActive(true)}
        onBlur={() => setActive(false)}
      >
        <span class="verdict-sign">
          <span aria-hidden="true">{sign}</span> {word}
        </span>
        <Outside text={text} />
        {reason && (
          <small class="note">
            <Outside text={reason} />
          </small>
        )}
      </button>
    </li>
  );
}

/** Sentences that events were found in, underlined throughout. */
function marksOf(events: readonly Event[]): Mark[] {
  return events.flatMap(({ span, text }) =>
    span ? [{ start: span[0], end: span[1], kind: "event" as const, label: text }] : [],
  );
}

function activeMark(events: readonly Event[], side: Side, active: { side: Side; index: number } | null): Mark | null {
  const span = active?.side === side ? events[active.index]?.span : null;
  return span ? { start: span[0], end: span[1], kind: "event", label: "" } : null;
}

function tally(events: readonly Event[]): string {
  const entailed = events.filter(({ label }) => label === "entailment").length;
  return `${entailed} of ${events.length} entailed`;
}
