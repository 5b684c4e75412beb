/** The report of one benchmark, top to bottom. */
import type { Run } from "../payload";
import { Beside } from "./beside";
import { Caveats } from "./caveats";
import { Failures } from "./failures";
import { Headline } from "./headline";
import { Money } from "./money";
import { Provenance } from "./provenance";
import { Published } from "./published";
import { Subsets } from "./subsets";
import { Time } from "./time";

export function Report({ run }: { run: Run }) {
  return (
    <div class="report">
      <Headline run={run} />
      <Beside run={run} />
      <Caveats run={run} />
      <Failures run={run} />
      {!run.unfinished && (
        <>
          <Subsets run={run} />
          <Published run={run} />
          <Time run={run} />
          <Money run={run} />
        </>
      )}
      <Provenance run={run} />
    </div>
  );
}
