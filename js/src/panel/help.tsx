import { h, useEffect, useRef, type JSX } from "../dom.ts";
import type { View } from "./view.ts";

const KEYS =
  "↑ ↓|move,Enter|details,L|log,X|cancel,R|retry,C|copy the id,/|search,F|failures,A|show all,G|group,Esc|close,?|keys";

/** The keys of the panel, as a sheet. */
export function Help({ view: { ui } }: { view: View }): JSX.Element | null {
  const { help } = ui.now;
  const sheet = useRef<HTMLDListElement>(null);
  useEffect(() => sheet.current?.focus({ preventScroll: true }), [help]);
  if (!help) return null;
  return (
    <dl ref={sheet} class="jj-help" aria-label="Keys" tabIndex={-1}>
      {KEYS.split(",").map((entry) => {
        const [key, does] = entry.split("|");
        return (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{does}</dd>
          </div>
        );
      })}
    </dl>
  );
}
