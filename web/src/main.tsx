/** Entrance: decodes the data of the page and shows the view for its kind. */
import { render } from "preact";
import { Shell } from "./common/shell";
import { CardView } from "./card/view";
import { readPage } from "./common/decode";
import { CompareView } from "./compare/view";
import { LeaderboardView } from "./leaderboard/view";
import type { Page } from "./payload";
import { RunView } from "./run/view";
import "./styles/index.css";

const VIEWS = { run: RunView, compare: CompareView, leaderboard: LeaderboardView, card: CardView };

function App({ page }: { page: Page }) {
  const View = VIEWS[page.kind];
  return (
    <Shell page={page}>
      <View page={page} />
    </Shell>
  );
}

async function start(): Promise<void> {
  const root = document.getElementById("page")!;
  try {
    const page = await readPage(document.getElementById("payload")!.textContent);
    root.replaceChildren();
    render(<App page={page} />, root);
  } catch (error) {
    root.textContent = `This page cannot show its data: ${error instanceof Error ? error.message : error}`;
  }
  document.documentElement.dataset.ready = "";
}

void start();
