/** The page of a comparison. */
import type { Page } from "../payload";

export function CompareView({ page }: { page: Page }) {
  return <section>{(page.comparisons ?? []).map((c) => c.sentence)}</section>;
}
