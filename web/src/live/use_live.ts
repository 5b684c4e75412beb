/** Follows a running evaluation: asks for news every few seconds, and for the data when they changed. */
import { useEffect, useState } from "preact/hooks";
import type { Page } from "../payload";
import { Endpoint, Refused, type News } from "./endpoint";

const EVERY_MS = 3000;
/** The data of many samples take a while to make: they are asked for a tenth of the time at most. */
const PAUSE = 9;

export interface Live {
  page: Page;
  news: News | null;
  /** Whether the server answered last time, and what was wrong if not. */
  connected: boolean;
  trouble: string;
}

export function useLive(first: Page): Live {
  const [live, setLive] = useState<Live>({ page: first, news: null, connected: true, trouble: "" });
  useEffect(() => {
    if (!first.live) return;
    const endpoint = new Endpoint(first.live);
    let timer = 0;
    let version: number | undefined;
    let pageNotBefore = 0;
    let over = false;
    const ask = async () => {
      try {
        const news = await endpoint.news();
        let page: Page | undefined;
        const began = performance.now();
        const isOver = news.state === "finished" || news.state === "stopped";
        if (version !== news.version && (began >= pageNotBefore || isOver)) {
          page = await endpoint.page();
          version = news.version;
          pageNotBefore = performance.now() + PAUSE * (performance.now() - began);
        }
        if (over) return;
        setLive((before) => ({ page: page ?? before.page, news, connected: true, trouble: "" }));
        if (news.state === "finished") return;
      } catch (error) {
        const trouble = error instanceof Refused ? error.message : "No answer from the server";
        if (!over) setLive((before) => ({ ...before, connected: false, trouble }));
      }
      if (!over) timer = window.setTimeout(() => void ask(), EVERY_MS);
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [first]);
  return live;
}
