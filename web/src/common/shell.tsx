/** What every page has around its view: title, theme switch, skip link, and the note at the end. */
import type { ComponentChildren } from "preact";
import type { Page } from "../payload";
import { when } from "./format";
import { Outside } from "./outside";
import { ThemeSwitch } from "./theme";

export function Shell({ page, children }: { page: Page; children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <header class="top">
        <h1>
          <Outside text={page.title} />
        </h1>
        <ThemeSwitch />
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <footer class="bottom">
        tarsier-eval <Outside text={page.version} />, written <time dateTime={page.made}>{when(page.made)}</time>
      </footer>
    </>
  );
}

/** The address's part after `#` holds the state, so that the link moves the focus itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")!.focus();
}
