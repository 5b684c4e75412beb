/** Keys of the explorer, and the list of them. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { changeState } from "../common/hash";

const KEYS: [string, string][] = [
  ["j", "next sample"],
  ["k", "previous sample"],
  ["Enter", "to the text of the sample that is open"],
  ["Esc", "close the sample, or leave the search"],
  ["/", "search"],
  ["?", "this list"],
];

interface Actions {
  step: (by: number) => void;
  search: RefObject<HTMLInputElement>;
  help: RefObject<HTMLDialogElement>;
  isOpen: boolean;
}

export function useKeyboard(actions: Actions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event, latest.current);
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

function press(event: KeyboardEvent, { step, search, help, isOpen }: Actions): void {
  if (event.ctrlKey || event.metaKey || event.altKey || help.current?.open) return;
  const target = event.target as HTMLElement;
  if (target.matches("input, textarea, select")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const act: Record<string, () => void> = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => search.current?.focus(),
    "?": () => help.current?.showModal(),
    Escape: () => isOpen && changeState({ sample: null, of: null }),
  };
  // A link or a button that has the focus keeps Enter for itself.
  if (!target.matches("a, button, summary, video")) {
    act.Enter = () => (isOpen ? document.getElementById("sample-title")?.focus() : step(1));
  }
  const action = act[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

export function Help({ dialog }: { dialog: RefObject<HTMLDialogElement> }) {
  return (
    <dialog ref={dialog} aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
          Close
        </button>
    </dialog>
  );
}
