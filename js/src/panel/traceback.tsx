import { h, type JSX } from "../dom.ts";
import { plainText } from "../format.ts";

interface Part {
  text: string;
  /** How many frames of libraries these are; 0 for the reader's own code and for all between. */
  library: number;
}

const FRAME = /^\s*File ["<]?(.+?)[">]?,? line \d+/;
const LIBRARY = /site-packages|dist-packages|[\\/]lib[\\/]python\d|<frozen |importlib/;

/** A Python traceback in parts: frames of libraries that follow each other are one. */
export function partsOf(traceback: string): Part[] {
  const parts: Part[] = [];
  let inLibrary = false;
  for (const line of plainText(traceback).trimEnd().split("\n")) {
    const path = FRAME.exec(line)?.[1];
    if (path !== undefined) inLibrary = LIBRARY.test(path);
    else if (!/^\s/.test(line)) inLibrary = false;
    const last = parts.at(-1);
    if (last && last.library > 0 === inLibrary) {
      last.text += `\n${line}`;
      if (inLibrary && path !== undefined) last.library += 1;
    } else parts.push({ text: line, library: Number(inLibrary) });
  }
  return parts;
}

/** A traceback in which the reader's own frames are in sight and those of libraries are folded. */
export function Traceback({ text }: { text: string }): JSX.Element {
  return (
    <div class="jj-code" tabIndex={0} role="group" aria-label="Traceback">
      {partsOf(text).map((part, index) =>
        part.library ? (
          <details key={index}>
            <summary>
              {part.library} library {part.library === 1 ? "frame" : "frames"}
            </summary>
            {part.text}
          </details>
        ) : (
          <div key={index}>{part.text}</div>
        ),
      )}
    </div>
  );
}
