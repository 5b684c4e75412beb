/** What requests to a judge or to a served model cost. */
import { count } from "../common/format";
import { Outside } from "../common/outside";
import type { Run } from "../payload";

export function Money({ run }: { run: Run }) {
  if (!run.money.length) return null;
  return (
    <section class="card money" aria-labelledby="money">
      <h2 id="money">Money</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label="Requests and what they cost">
        <table>
          <caption class="hidden">Requests and what they cost</caption>
          <thead>
            <tr>
              <th scope="col">For</th>
              <th scope="col" class="number">
                Requests
              </th>
              <th scope="col" class="number">
                Tokens in
              </th>
              <th scope="col" class="number">
                Tokens out
              </th>
              <th scope="col">Cost</th>
            </tr>
          </thead>
          <tbody>
            {run.money.map((row) => (
              <tr key={row.what}>
                <th scope="row">
                  <Outside text={row.what} />
                </th>
                <td class="number">{count(row.requests)}</td>
                <td class="number">{row.tokens_in === null ? "\u2013" : count(row.tokens_in)}</td>
                <td class="number">{row.tokens_out === null ? "\u2013" : count(row.tokens_out)}</td>
                <td>
                  <Outside text={row.cost} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
