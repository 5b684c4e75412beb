/** Numbers as text, in the same form as the tables on the terminal. */
import type { Trait } from "../payload";

export type Unit = Trait["unit"];

const MINUS = "\u2212";

/** A number with so many digits, rounded as Python rounds: a tie goes to the even digit. */
export function fixed(number: number, digits: number): string {
  const text = number.toFixed(digits);
  // Its exact expansion beyond these digits; toFixed rounds a tie away from zero.
  if (!/^50*$/.test(number.toFixed(digits + 30).slice(-30)) || !/[13579]$/.test(text)) return text;
  const step = 10 ** -digits;
  return (Math.abs(number) - step / 2).toFixed(digits).replace(/^/, number < 0 ? "-" : "");
}

/** A metric's value: percent with one digit, points with two; a dash where there is none. */
export function value(unit: Unit, number: number | null | undefined): string {
  if (number === null || number === undefined) return "\u2013";
  return (unit === "percent" ? fixed(100 * number, 1) : fixed(number, 2)).replace(/^-/, MINUS);
}

/** An interval without its unit: `58.1 to 64.3`. */
export function span(unit: Unit, interval: [number, number] | null | undefined): string {
  return interval ? `${value(unit, interval[0])} to ${value(unit, interval[1])}` : "\u2013";
}

/** A difference, with its sign; 0 has none. */
export function signed(unit: Unit, number: number | null | undefined): string {
  if (number === null || number === undefined) return value(unit, number);
  const size = value(unit, Math.abs(number));
  if (Number(size) === 0) return size;
  return `${number < 0 ? MINUS : "+"}${size}`;
}

export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** `1 sample`, `2 samples`. */
export function counted(n: number, noun: string, plural = `${noun}s`): string {
  return `${count(n)} ${n === 1 ? noun : plural}`;
}

/** A time in ISO 8601 as people write it. */
export function when(iso: string): string {
  return iso.replace("T", " ").replace(/\.\d+/, "").replace(/\+00:00$|Z$/, " UTC");
}

/** Seconds in the largest two units. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function percent(part: number, whole: number): string {
  return whole ? `${fixed((100 * part) / whole, 1)}%` : "\u2013";
}
