/** State of the page in the part of its address after `#`, so that every state has a link and Back works. */
import { useEffect, useState } from "preact/hooks";

export type State = Record<string, string>;

const CHANGED = "state-changed";

export function readState(): State {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** The address of the present state with some of it changed; null or "" takes a key out. */
export function linkTo(patch: Record<string, string | null>): string {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(patch)) {
    if (value) state.set(key, value);
    else state.delete(key);
  }
  return `#${state}`;
}

/** Change the state; `replace` makes no new entry in the history, as for each letter of a search. */
export function changeState(patch: Record<string, string | null>, { replace = false } = {}): void {
  const link = linkTo(patch);
  if (link === (location.hash || "#")) return;
  if (replace) history.replaceState(null, "", link);
  else history.pushState(null, "", link);
  dispatchEvent(new Event(CHANGED));
}

/** The state, followed as it changes. */
export function useHashState(): State {
  const [state, setState] = useState(readState);
  useEffect(() => {
    const update = () => setState(readState());
    const events = [CHANGED, "hashchange", "popstate"];
    for (const event of events) addEventListener(event, update);
    return () => {
      for (const event of events) removeEventListener(event, update);
    };
  }, []);
  return state;
}
