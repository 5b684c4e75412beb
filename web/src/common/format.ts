/** Numbers as text, in the same form as the tables on the terminal. */
import type { Trait } from "../payload";

export type Unit = Trait["unit"];

const MINUS = "\u2212";

/** A metric's value: percent with one digit, points with two; a dash where there is none. */
export function value(unit: Unit, number: number | null | undefined): string {
  if (number === null || number === undefined) return "\u2013";
  return (unit === "percent" ? fixed(100 * number, 1) : fixed(number, 2)).replace(/^-/, MINUS);
}

/** A number with so many digits, rounded as Python does, in whose tables 6.25 is 6.2: a tie goes to the even digit. */
export function fixed(number: number, digits: number): string {
  const shown = number.toFixed(digits);
  // All digits of a double: a tie ends in a 5 and nothing behind it.
  const exact = Math.abs(number).toFixed(Math.min(100, digits + 60));
  const isTie = /^50*$/.test(exact.slice(exact.indexOf(".") + 1 + digits));
  const isOdd = Number(shown.at(-1)) % 2 === 1;
  if (!isTie || !isOdd) return shown;
  const step = 10 ** -digits;
  return (number - Math.sign(number) * step * 0.75).toFixed(digits);
}

/** An interval without its unit: `58.1 to 64.3`. */
export function span(unit: Unit, interval: [number, number] | null | undefined): string {
  return interval ? `${value(unit, interval[0])} to ${value(unit, interval[1])}` : "\u2013";
}

/** A difference, with its sign. */
export function signed(unit: Unit, number: number | null | undefined): string {
  const text = value(unit, number);
  return number !== null && number !== undefined && number > 0 ? `+${text}` : text;
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
