/**
 * The data of a page: JSON that Python writes (eval/report/page/page.py, and the builders in eval/analysis/ and
 * eval/running/), and this code shows. Names of fields are those of result.json, scores.jsonl and predictions.jsonl.
 */

export interface Page {
  kind: "run" | "compare" | "leaderboard" | "card";
  title: string;
  /** Time of writing, ISO 8601. */
  made: string;
  /** Version of tarsier-eval. */
  version: string;
  /** The runs in it: those of one run folder, or those compared. */
  runs: Run[];
  /** On a comparison: each further run against the first. */
  comparisons?: Comparison[];
  /** On a comparison: what was left out. */
  notes?: string[];
  leaderboard?: Leaderboard;
  card?: JudgeCard;
  /** On a page that `watch` serves: the path to ask for news. */
  live?: string;
}

/** One benchmark of one model. */
export interface Run {
  /** Unique on the page. */
  name: string;
  benchmark: string;
  /** The benchmark's name in papers. */
  title: string;
  paper: string;
  homepage: string;
  task: "mc_qa" | "oe_qa" | "caption" | "description";
  model: string;
  judge: string | null;
  protocol: string | null;
  date: string;
  folder: string;
  fingerprint: string;
  /** Whether it goes on or was stopped, and has no scores yet. */
  unfinished: boolean;
  /** When an unfinished run was last written to, in milliseconds; 0 for finished ones. */
  updated: number;
  builtin: boolean;
  complete: boolean;
  /** Name of the primary metric: its row with subset `overall` is the headline. */
  primary: string;
  /** The reason why the headline has no value; null where it has one. */
  no_value: string | null;
  traits: Trait[];
  metrics: Metric[];
  counts: { total: number; scored: number; invalid: number; model_failed: number; judge_failed: number };
  coverage: { subset: string; total: number; present: number }[];
  /** Reasons of samples without a value, the most frequent first: the beginning that many share, and how it is shown. A
   * reason of null stands for all others. */
  failures: { status: Status; reason: string | null; label: string; n: number }[];
  clip_notes: { note: string; n: number }[];
  /** Seconds by stage, in the order of the pipeline; empty where no model ran. */
  time: { stage: string; seconds: number; what: string }[];
  /** Seconds from the first sample to the last; null where no model ran. */
  wall_s: number | null;
  /** `waiting`: share of its time in which it waited. */
  workers: { name: string; clips: number; samples: number; waiting: number }[];
  /** Requests to a judge or to a served model. */
  money: { what: string; requests: number; tokens_in: number | null; tokens_out: number | null; cost: string }[];
  published: { model: string; metric: string; value: number; source: string; comparable: boolean; note: string }[];
  /** What stands beside the score and never takes its place, such as values corrected by a judge card. */
  beside: { title: string; lines: string[] }[];
  /** Reasons why the number is not comparable with others. */
  caveats: string[];
  /** Everything that the predictions and scores depend on. */
  settings: { label: string; value: string }[];
  clips: Clip[];
  samples: Sample[];
}

export interface Trait {
  name: string;
  label: string;
  /** `percent`: shown times 100, with one digit. `points`: shown as it is, with two. */
  unit: "percent" | "points";
  best: number;
  /** Whether it is a mean over groups of questions, which its n counts. */
  grouped?: boolean;
}

export interface Metric {
  name: string;
  accounting: "upstream" | "strict" | "tolerant";
  /** `overall`, or the subset's name. */
  subset: string;
  value: number | null;
  n: number;
  n_invalid: number;
  n_failed: number;
  average: "micro" | "macro";
  lower: number | null;
  upper: number | null;
  chance: number | null;
  stderr: number | null;
  interval: [number, number] | null;
  n_clusters: number | null;
  /** Number of independent samples that would have the same standard error. */
  n_effective: number | null;
}

export type Status = "scored" | "invalid" | "model_failed" | "judge_failed";
/** `right` and `wrong`: graded answers. `scored`: a value between. `waiting`: predicted, not scored yet. */
export type Outcome = "right" | "wrong" | "scored" | "invalid" | "model_failed" | "judge_failed" | "waiting";

export interface Sample {
  id: string;
  subset: string;
  groups: string[];
  outcome: Outcome;
  /** The reason why there is no value. */
  reason: string | null;
  /** Index in `clips`; null where nothing is known of its clip. */
  clip: number | null;
  /** The question without the options, or "" where it has none. */
  question: string;
  /** The prompt as sent. */
  prompt: string;
  options: string[];
  targets: string[];
  /** The raw output; null where there is none. */
  output: string | null;
  answer: string | null;
  target: string;
  /** Values by metric name, unscaled. */
  values: Record<string, number>;
  /** One sentence: why it has this score. */
  why: string;
  /** Parts of the output. */
  marks: Mark[];
  /** Reference texts of captions and descriptions, with what matched in them. */
  references: { text: string; marks: Mark[] }[];
  verdicts: Verdict[];
  /** AutoDQ. */
  events?: { reference: Event[]; prediction: Event[] };
}

/** A part of a text: UTF-16 offsets, half open. */
export interface Mark {
  start: number;
  end: number;
  kind: "answer" | "ngram" | "event";
  label: string;
}

/** A call to the judge. */
export interface Verdict {
  /** What it was asked for, such as `grade` or `events`. */
  stage: string;
  label: string | null;
  /** The raw reply. */
  reply: string | null;
  error: string | null;
}

export interface Event {
  text: string;
  label: "entailment" | "neutral" | "contradiction" | null;
  reason: string | null;
  /** The sentence of the text that shares most words with it: [start, end). */
  span: [number, number] | null;
}

export interface Clip {
  /** Its file as the data folder names it. */
  name: string;
  media: Medium[];
  strip: Strip | null;
}

export interface Medium {
  file: string;
  /** Where it can be played: a URL relative to the page; null where it is no longer there. */
  url: string | null;
  span: [number | null, number | null];
  /** Numbers of the frames shown, as decoded. */
  frames: number[];
  /** Their times in seconds; empty where the file has no frame rate. */
  times: number[];
}

/** One picture with all frames of a clip, in rows. */
export interface Strip {
  url: string;
  columns: number;
  /** Width and height of a frame in it, in pixels. */
  cell: [number, number];
  /** Number of frames in it: of very many, the first. */
  frames: number;
}

/** A second run against a first. */
export interface Comparison {
  /** Indices in `runs`. */
  first: number;
  second: number;
  rows: Difference[];
  /** Ids of samples in which the second is better, and in which the first is. */
  gained: string[];
  lost: string[];
  /** Where two judges, or one twice, gave the same output different verdicts; these in words. */
  judges: { id: string; first: string; second: string }[];
  /** Their names, with the protocol, and a sentence on their settings; null without a judge. */
  judged_by: { first: string; second: string; differ: string } | null;
  /** Reasons why they are not comparable, and what differs between them. */
  caveats: string[];
  sentence: string;
  /** What the columns of the tables are. */
  explained: string;
  /** p of the primary metric in strict, adjusted for several benchmarks (Holm); null for one. */
  p_adjusted: number | null;
}

export interface Difference {
  metric: string;
  accounting: string;
  subset: string;
  n: number;
  first: number | null;
  second: number | null;
  /** Second less first, unscaled. */
  difference: number | null;
  interval: [number, number] | null;
  p: number | null;
  /** p of a subset, adjusted for several subsets (Holm). */
  p_adjusted: number | null;
  /** The smallest true difference that 80% of such comparisons find; null where none could be, or it is not known. */
  detectable: number | null;
  /** Whether it is null because even the largest difference would mostly be missed. */
  blind: boolean;
  n_clusters: number;
}

export interface Leaderboard {
  benchmarks: { name: string; title: string; metric: string; unit: "percent" | "points"; best: number }[];
  rows: LeaderboardRow[];
  /** Files beside the page. */
  plots: { benchmark: string; title: string; svg: string; png: string }[];
}

export interface LeaderboardRow {
  id: string;
  benchmark: string;
  model: string;
  frames: string;
  judge: string;
  protocol: string;
  accounting: string;
  value: number | null;
  interval: [number, number] | null;
  chance: number | null;
  /** Null where a publication does not say. */
  n: number | null;
  complete: boolean;
  published: boolean;
  /** Whether its samples are the built-in world's. */
  builtin: boolean;
  source: string;
  date: string;
  /** The settings in which it differs from other rows of its benchmark and model. */
  differs: string;
  caveats: string[];
  /** What it shares with the rows that it can be compared with, those of the same text. */
  group: string;
  /** Whether it is significantly better than every other row that it can be compared with. */
  best: boolean;
  subsets: { subset: string; value: number | null; interval: [number, number] | null; n: number | null }[];
}

/** A judge against people. */
export interface JudgeCard {
  date: string;
  tables: CardTable[];
  /** What to know beside the numbers. */
  notes: string[];
}

export interface CardTable {
  title: string;
  explained: string;
  /** `text`: not aligned as numbers. */
  columns: { name: string; text: boolean }[];
  /** Cells from the left, as shown; missing ones are empty. `indent`: what the row above it is compared with. */
  rows: { cells: string[]; indent: boolean }[];
}
