/** News of a running evaluation, from the server that `watch` starts. */
import type { Page } from "../payload";

export interface News {
  done: number;
  total: number;
  /** Samples a second. */
  rate: number | null;
  seconds_left: number | null;
  workers: { name: string; clips: number; samples: number; waiting: number }[];
  state: "running" | "scoring" | "finished" | "stopped";
  /** Another number after every change of the page's data. */
  version: number;
}

/** The server answered that it cannot read the run, and why. */
export class Refused extends Error {}

export class Endpoint {
  constructor(private readonly path: string) {}

  async news(): Promise<News> {
    return (await this.get(this.path)) as News;
  }

  /** The page as it is now, in the same form as in the file. */
  async page(): Promise<Page> {
    return (await this.get(`${this.path}?payload`)) as Page;
  }

  private async get(path: string): Promise<unknown> {
    const response = await fetch(path, { cache: "no-store" });
    if (!response.ok) throw new Refused((await response.text()).slice(0, 300));
    return response.json();
  }
}
