/** The switch between light and dark, which follows the system until it is used. Nothing is stored. */
import { useState } from "preact/hooks";

export function ThemeSwitch() {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  const toggle = () => {
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    setDark(!dark);
  };
  return (
    <button type="button" class="quiet" aria-label={`Change to ${dark ? "light" : "dark"} colours`} onClick={toggle}>
      <span aria-hidden="true">{dark ? "\u2600" : "\u263e"}</span> {dark ? "Light" : "Dark"}
    </button>
  );
}
