/** The card of a judge: its tables, whose every cell Python wrote. */
import { Outside } from "../common/outside";
import type { CardTable, Page } from "../payload";

export function CardView({ page }: { page: Page }) {
  const card = page.card!;
  return (
    <div class="report">
      {card.tables.map((table) => (
        <CardSection key={table.title} table={table} />
      ))}
      {card.notes.length > 0 && (
        <section class="card full" aria-labelledby="notes">
          <h2 id="notes">Notes</h2>
          <ul class="caveats">
            {card.notes.map((note) => (
              <li key={note}>
                <Outside text={note} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function CardSection({ table }: { table: CardTable }) {
  const id = table.title.toLowerCase().replaceAll(" ", "-");
  return (
    <section class="card full" aria-labelledby={id}>
      <h2 id={id}>{table.title}</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label={table.title}>
        <table>
          <caption class="hidden">{table.title}</caption>
          <thead>
            <tr>
              {table.columns.map((column, i) => (
                <th key={column.name} scope="col" class={column.text ? undefined : "number"}>
                  {column.name || (i ? "" : "set")}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, i) => (
              <tr key={i} class={row.indent ? "within" : undefined}>
                {table.columns.map((column, j) => {
                  const Cell = j ? "td" : "th";
                  return (
                    <Cell key={column.name} scope={j ? undefined : "row"} class={column.text ? undefined : "number"}>
                      <Outside text={row.cells[j] ?? ""} />
                    </Cell>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p>{table.explained}</p>
    </section>
  );
}
