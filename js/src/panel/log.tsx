import { Fragment, h, useEffect, useRef, useState, type JSX } from "../dom.ts";
import { lastSeen, plainText } from "../format.ts";
import type { LogLine } from "../types.ts";
import { CopyButton } from "./copy.tsx";
import { Button } from "./parts.tsx";
import type { View } from "./view.ts";

const MOST_LINES = 2_000;

// The terminal's eight; the style sheet mixes them with the theme's text, so that each can be read.
const HUES = "gray red green orange royalblue magenta teal gray".split(" ");

/** Append a line in the colours that it asks for (SGR: of eight, bright or not; and bold). */
function addLine(to: HTMLElement, text: string, look: string): void {
  const line = document.createElement("div");
  let hue = "";
  let fontWeight = "";
  lastSeen(text)
    .split(/\x1b\[([\d;]*)m/)
    .forEach((part, index) => {
      if (index % 2) {
        for (const code of part.split(";")) {
          if (/^[34]8$/.test(code)) break; // a palette of its own
          if (/^[39][0-7]$/.test(code)) hue = HUES[+(code[1] as string)] as string;
          if (code === "1") fontWeight = "600";
          if (/^(0*|22|39)$/.test(code)) hue = fontWeight = "";
        }
      } else if (hue + fontWeight) {
        const run = line.appendChild(document.createElement("span"));
        run.style.setProperty("--jj-state", hue);
        run.style.fontWeight = fontWeight;
        run.textContent = plainText(part);
      } else line.append(plainText(part));
    });
  if (!line.textContent) line.append(" ");
  line.className = look;
  to.append(line);
}

/**
 * A job's output while it comes: what to put into a pane and beside its tabs; `job` is null while nobody looks at it.
 * Lines are put into the page by hand, once a frame: drawing the rest again costs nothing, however many there are.
 * What is out of sight has no layout (`content-visibility`).
 */
export function useLog(
  job: string | null,
  { bridge }: View,
): { tools: JSX.Element; body: JSX.Element } {
  const box = useRef<HTMLDivElement>(null);
  const lines = useRef<HTMLDivElement>(null);
  const [isAway, setAway] = useState(false);
  const [says, say] = useState("");
  const away = useRef(false);
  away.current = isAway;
  const toEnd = (): void => {
    const frame = box.current as HTMLElement;
    frame.scrollTop = frame.scrollHeight;
  };

  useEffect(() => {
    const into = lines.current;
    if (job === null || !into) return;
    let pending: LogLine[] = [];
    let last = 0;
    let isOver = false;
    let frame = 0;
    const draw = (): void => {
      frame = 0;
      for (const { seq, stream, text } of pending) {
        const missing = seq - last - 1;
        if (missing > 0) addLine(into, `… lines not shown: ${missing}`, "jj-muted");
        addLine(into, text, stream === "stderr" ? "jj-err" : "");
        last = seq;
      }
      pending = [];
      while (into.childElementCount > MOST_LINES) into.firstChild?.remove();
      say(isOver ? (last ? "ended" : "It printed nothing.") : last ? "" : "No output yet.");
      if (!away.current) toEnd();
    };
    into.replaceChildren();
    setAway(false);
    say(
      bridge.kernel === "live" && !bridge.can("follow")
        ? "This API tells nothing of what jobs print."
        : "The kernel has the log.",
    );
    const stop = bridge.follow(job, (more, ended) => {
      pending = [...pending, ...more].slice(1 - MOST_LINES);
      isOver = ended;
      frame ||= requestAnimationFrame(draw);
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [job]);

  return {
    tools: (
      <CopyButton
        label="Copy all"
        text={() => [...(lines.current?.children ?? [])].map((l) => l.textContent).join("\n")}
      />
    ),
    body: (
      <>
        <div
          ref={box}
          class="jj-log"
          role="log"
          aria-live="off"
          aria-label="Output"
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) =>
            setAway(scrollTop + clientHeight < scrollHeight - 4)
          }
        >
          <div ref={lines} />
          <p class="jj-muted">{says}</p>
        </div>
        {isAway && (
          <Button class="jj-button jj-to-end" does={toEnd}>
            ↓ To the end
          </Button>
        )}
      </>
    ),
  };
}
