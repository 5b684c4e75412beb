/** Horizontal bars on a scale: a value with its interval, chance, and references. Text beside them says the same. */
import { scaleLinear } from "d3-scale";
import { value, type Unit } from "./format";

export interface Reference {
  value: number;
  comparable: boolean;
  label: string;
}

interface Props {
  /** The two ends of the scale. */
  domain: [number, number];
  value: number | null;
  interval?: [number, number] | null;
  chance?: number | null;
  references?: readonly Reference[];
  /** A picture's name, for those who cannot see it. */
  label: string;
}

const HEIGHT = 20;

/** A bar from zero, which may lie inside the scale, with whiskers. */
export function IntervalBar({ domain, value: number, interval, chance, references = [], label }: Props) {
  const x = scaleLinear(domain, [0, 100]).clamp(true);
  const at = (v: number) => `${x(v)}%`;
  const middle = HEIGHT / 2;
  const base = x(0);
  return (
    <svg class="bar" role="img" aria-label={label} height={HEIGHT} width="100%">
      <rect class="track" x="0" y="5" width="100%" height="10" />
      {number !== null && (
        <rect
          class={number < 0 ? "value negative" : "value"}
          x={`${Math.min(base, x(number))}%`}
          y="5"
          width={`${Math.abs(x(number) - base)}%`}
          height="10"
        />
      )}
      {domain[0] < 0 && <line class="zero" x1={at(0)} x2={at(0)} y1="0" y2={HEIGHT} />}
      {interval && (
        <g class="whisker">
          <line x1={at(interval[0])} x2={at(interval[1])} y1={middle} y2={middle} />
          <line x1={at(interval[0])} x2={at(interval[0])} y1="6" y2="14" />
          <line x1={at(interval[1])} x2={at(interval[1])} y1="6" y2="14" />
        </g>
      )}
      {chance !== null && chance !== undefined && (
        <line class="chance" x1={at(chance)} x2={at(chance)} y1="1" y2={HEIGHT - 1} />
      )}
      {references.map((reference) => (
        <svg key={reference.label} class="overflow" x={at(reference.value)} y={middle}>
          <title>{reference.label}</title>
          <path class={reference.comparable ? "reference" : "reference apart"} d="M0-6 5 0 0 6-5 0Z" />
        </svg>
      ))}
    </svg>
  );
}

/** The scale above a column of bars. */
export function ScaleTicks({ domain, unit }: { domain: [number, number]; unit: Unit }) {
  const x = scaleLinear(domain, [0, 100]);
  return (
    <div class="ticks" aria-hidden="true">
      <svg width="100%" height="16">
        {x.ticks(5).map((tick) => (
          <text key={tick} x={`${x(tick)}%`} y="12" text-anchor={anchor(x(tick))}>
            {value(unit, tick).replace(/\.0+$/, "")}
          </text>
        ))}
      </svg>
    </div>
  );
}

function anchor(position: number): "start" | "middle" | "end" {
  if (position < 4) return "start";
  return position > 96 ? "end" : "middle";
}

/** The line of a legend that says what the mark of chance is. */
export function ChanceKey() {
  return (
    <li>
      <svg class="bar" width="8" height="14" aria-hidden="true">
        <line class="chance" x1="4" x2="4" y1="0" y2="14" />
      </svg>
      chance
    </li>
  );
}
