import { Fragment, h, type JSX } from "../dom.ts";
import { plainText } from "../format.ts";
import type { JobError } from "../types.ts";

/** A traceback with the reader's own calls on top; all of it, with those of libraries, is folded below. */
export const Traceback = ({ frames, traceback }: Partial<JobError>): JSX.Element => (
  <>
    {frames?.map(({ where, file, source }, index) => (
      <div key={index} class="jj-frame">
        <code title={file}>{where}</code>
        <code class="jj-source">{source}</code>
      </div>
    ))}
    <details>
      <summary>Whole traceback</summary>
      <pre class="jj-code">{plainText(traceback ?? "").trim()}</pre>
    </details>
  </>
);
