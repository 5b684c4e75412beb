/** What makes the number not comparable with others, and notes. */
import { Outside } from "../common/outside";
import type { Run } from "../payload";

export function Caveats({ run }: { run: Run }) {
  return (
    <section class="card" aria-labelledby="caveats">
      <h2 id="caveats">Is it comparable with other numbers?</h2>
      {run.caveats.length ? (
        <ul class="caveats">
          {run.caveats.map((caveat) => (
            <li key={caveat}>
              <Outside text={caveat} />
            </li>
          ))}
        </ul>
      ) : (
        <p>Nothing is known that speaks against it.</p>
      )}
      {run.notes.length > 0 && (
        <>
          <h3>Notes</h3>
          <ul>
            {run.notes.map((note) => (
              <li key={note}>
                <Outside text={note} />
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
