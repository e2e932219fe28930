import {
  Fragment,
  h,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type ComponentChildren,
  type JSX,
} from "../dom.ts";
import { clockTime, isLive, plainText } from "../format.ts";
import type { Details, Row } from "../types.ts";
import { CopyButton } from "./copy.tsx";
import { Traceback } from "./traceback.tsx";
import type { View } from "./view.ts";

const REFRESH_MS = 2_000;

/** A job's details, asked for when the row opens and again while the job lives. */
export function Drawer({ row, view }: { row: Row; view: View }): JSX.Element {
  const { details, refused } = useDetails(row, view);
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = root.current as HTMLDivElement;
    const measure = (): void => {
      const drawerHeight = element.offsetHeight;
      if (drawerHeight !== view.ui.now.drawerHeight) view.ui.set({ drawerHeight });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={root} class="jj-drawer" role="gridcell" aria-label="Details">
      <div class="jj-facts">
        <Facts row={row} details={details} now={view.bridge.now()} />
        <div class="jj-buttons">
          <CopyButton text={row.id} label="Copy id" />
          {details?.error?.traceback && (
            <CopyButton text={plainText(details.error.traceback)} label="Copy traceback" />
          )}
        </div>
      </div>
      <div class="jj-output">
        {refused && <p>{refused}</p>}
        {details && <Output row={row} details={details} />}
        {!details && view.bridge.kernel === "silent" && (
          <p class="jj-muted">The kernel has the rest.</p>
        )}
      </div>
    </div>
  );
}

function useDetails(row: Row, { bridge }: View): { details: Details | null; refused: string } {
  const [state, setState] = useState<{ details: Details | null; refused: string }>({
    details: null,
    refused: "",
  });
  const live = isLive(row.status);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const details = (await bridge.request("details", row.id)) as Details;
        if (!gone) setState({ details, refused: "" });
      } catch (error) {
        if (!gone) setState((before) => ({ ...before, refused: (error as Error).message }));
      }
      if (!gone && live) timer = setTimeout(ask, REFRESH_MS);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [row.id, row.status]);
  return state;
}

function Facts(props: { row: Row; details: Details | null; now: number }): JSX.Element {
  const { row, details, now } = props;
  const at = (ms: number | null): string | null => (ms === null ? null : clockTime(ms, now));
  const code = (text: string | null | undefined): ComponentChildren =>
    text && <code title={plainText(text)}>{plainText(text)}</code>;
  const urgency =
    row.priority && row.priority !== "MEDIUM" && `${row.priority.toLowerCase()} priority`;
  const facts: [string, ComponentChildren][] = [
    ["submitted", at(row.createdAt)],
    ["started", at(row.startedAt)],
    ["finished", at(row.finishedAt)],
    ["kind", [row.kind?.toLowerCase(), urgency].filter(Boolean).join(", ")],
    ["request", row.request !== row.name && code(details?.request ?? row.request)],
    ["params", code(details?.params)],
    ["result", code(details?.result)],
    ["exit code", details?.error?.exitCode],
    ["signal", details?.error?.signal],
    ["id", code(row.id)],
  ];
  return (
    <dl>
      {facts
        .filter(([, value]) => value || value === 0)
        .map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Output({ row, details }: { row: Row; details: Details }): JSX.Element {
  const { error, log } = details;
  return (
    <>
      {error?.traceback ? (
        <Traceback text={error.traceback} />
      ) : (
        error?.message && <p>{plainText(error.message)}</p>
      )}
      {log.length > 0 && error && <p class="jj-muted">Last lines of output</p>}
      {log.length > 0 && <Log lines={log} />}
      {log.length === 0 && !error && (
        <p class="jj-muted">{isLive(row.status) ? "No output yet." : "It printed nothing."}</p>
      )}
    </>
  );
}

/** The last lines of a job's output; it follows the end unless the reader scrolled up. */
function Log({ lines }: { lines: readonly string[] }): JSX.Element {
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
    <pre
      ref={box}
      class="jj-code jj-log"
      tabIndex={0}
      aria-label="Last lines of output"
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        atEnd.current = scrollTop + clientHeight >= scrollHeight - 4;
      }}
    >
      {lines.map(plainText).join("\n")}
    </pre>
  );
}
