/** The switch between light and dark, which follows the system until it is used. Nothing is stored. */
import { useState } from "preact/hooks";

export function ThemeSwitch() {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  const toggle = () => {
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    setDark(!dark);
  };
  return (
    <button type="button" class="quiet" aria-pressed={dark} onClick={toggle}>
      <span aria-hidden="true">{dark ? "\u263e" : "\u2600"}</span> Dark
    </button>
  );
}
