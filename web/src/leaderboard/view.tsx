/** The page of a leaderboard. */
import type { Page } from "../payload";

export function LeaderboardView({ page }: { page: Page }) {
  return <section>{(page.leaderboard?.rows ?? []).length} rows</section>;
}
