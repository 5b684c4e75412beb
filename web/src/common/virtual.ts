/** A window onto a long list: which rows to draw, from TanStack Virtual, redrawn as the element scrolls. */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

type Options = Pick<
  VirtualizerOptions<HTMLDivElement, Element>,
  "count" | "getScrollElement" | "estimateSize" | "overscan" | "scrollPaddingStart"
>;

export function useVirtualizer(given: Options): Virtualizer<HTMLDivElement, Element> {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const options = {
    ...given,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw(undefined),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLDivElement, Element>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
