import { Fragment, h, type JSX } from "../dom.ts";
import { plainText } from "../format.ts";

/** One call of a traceback. */
export interface Frame {
  path: string;
  /** The file's name and the line: `clean.py:41`. */
  place: string;
  /** The function, as the traceback writes it. */
  name: string;
  /** The line of source, when the traceback has it. */
  source: string;
}

// As Python writes a frame, and as IPython does: `File ~/clean.py:41, in parse(text)`, `Cell In[3], line 2`.
const FRAME = /^\s*(?:File "?|(?=Cell In))(.+?)"?(?:, line |:)(\d+)(?:, in (.+))?/;
const LIBRARY = /(?:site|dist)-packages|[\\/]lib[\\/]python\d|Python\d+[\\/]Lib[\\/]|^<frozen /;
const MOST_FRAMES = 6;

/** The calls of the last error in a traceback, the one nearest to the error first. */
export function framesOf(traceback: string): Frame[] {
  let frames: Frame[] = [];
  for (const line of plainText(traceback).split("\n")) {
    const [, path, number, name = ""] = FRAME.exec(line) ?? [];
    const frame = frames[0];
    if (path) {
      // A function of a notebook has a file of IPython's own.
      const file = /ipykernel_\d/.test(path) ? "cell" : path.replace(/^.*[\\/]/, "");
      frames.unshift({ path, place: `${file}:${number}`, name, source: "" });
    } else if (/^(Traceback|During|The above)/.test(line)) frames = [];
    // IPython shows lines around the one that it points at.
    else if (frame && (line[0] === "-" || (line[0] === " " && !frame.source)))
      frame.source = line.replace(/^-+> ?\d+ /, "").trim();
  }
  return frames;
}

export const isLibrary = ({ path }: Frame): boolean => LIBRARY.test(path);

/** A traceback with the reader's own calls on top; all of it, with those of libraries, is folded below. */
export function Traceback({ text }: { text: string }): JSX.Element {
  const frames = framesOf(text);
  const own = frames.filter((frame) => !isLibrary(frame));
  const count = frames.length - own.length;
  return (
    <>
      {own.slice(0, MOST_FRAMES).map(({ path, place, name, source }, index) => (
        <div key={index} class="jj-frame">
          <code title={path}>{place}</code>
          {name && <span class="jj-muted"> in {name}</span>}
          <code class="jj-source">{source}</code>
        </div>
      ))}
      <details>
        <summary>
          Whole traceback
          {count > 0 && ` with ${count} library frame${count > 1 ? "s" : ""}`}
        </summary>
        <pre class="jj-code">{plainText(text).trim()}</pre>
      </details>
    </>
  );
}
