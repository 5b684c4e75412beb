/** The page of a run folder: its report, and its samples. */
import type { Page } from "../payload";

export function RunView({ page }: { page: Page }) {
  return <section>{page.runs.map((run) => run.title)}</section>;
}
