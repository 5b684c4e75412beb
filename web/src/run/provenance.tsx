/** Everything that the predictions and scores depend on, folded. */
import { counted } from "../common/format";
import { Outside } from "../common/outside";
import type { Run } from "../payload";

export function Provenance({ run }: { run: Run }) {
  const rows = [
    { label: "folder", value: run.folder },
    { label: "fingerprint", value: run.fingerprint },
    ...run.settings,
  ];
  return (
    <section class="card full" aria-labelledby="provenance">
      <h2 id="provenance">Provenance</h2>
      <details>
        <summary>{counted(rows.length, "setting")} that this number depends on</summary>
        <dl class="settings">
          {rows.map(({ label, value }, i) => (
            <div key={i}>
              <dt>
                <Outside text={label} />
              </dt>
              <dd>
                <Outside text={value} />
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}
