import { Fragment, h, useEffect, useState, type ComponentChildren, type JSX } from "../dom.ts";
import { clockTime, duration, elapsed, isFailure, isLive, label, plainText } from "../format.ts";
import { StateIcon, STATES } from "../states.tsx";
import type { Details, Row } from "../types.ts";
import { begin, verbFor, WORDS } from "./asking.tsx";
import { CopyButton } from "./copy.tsx";
import { useLog } from "./log.tsx";
import { Button, pairs, useMeasured } from "./parts.tsx";
import { Traceback } from "./traceback.tsx";
import type { View } from "./view.ts";

const TABS = ["details", "log"] as const;
const REFRESH_MS = 2_000;
const FEW_LINES = 5;

interface DrawerProps {
  row: Row;
  view: View;
  /** Whether it stands for others that failed alike. */
  isExample?: boolean;
}

/** All about one job, below its line: what it was asked, how it went, why it failed; or its output as it comes. */
export function Drawer({ row, view, isExample }: DrawerProps): JSX.Element {
  const { bridge, ui } = view;
  const root = useMeasured(({ offsetHeight: drawerHeight }) => {
    if (drawerHeight !== ui.now.drawerHeight) ui.set({ drawerHeight });
  });
  const [tab, setTab] = useState(ui.now.tab);
  useEffect(() => ui.changes.listen(() => setTab(ui.now.tab)), []);
  const at = TABS.indexOf(tab);
  const { details, refused } = useDetails(row, view);
  const log = useLog(at ? row.id : null, view);
  const verb = verbFor(view, [row.status]);
  const traceback = details?.error?.traceback;
  const names = isExample ? ["One of them", "Its full log"] : ["Details", "Log"];
  return (
    <div ref={root} class="jj-pane" role="gridcell">
      <div class="jj-head">
        <div
          role="tablist"
          aria-label={`Details of ${label(row)}`}
          onKeyDown={(event) => {
            if (!/^Arrow(L|R)/.test(event.key)) return;
            event.stopPropagation();
            (event.currentTarget.children[1 - at] as HTMLElement).focus();
            ui.set({ tab: TABS[1 - at] ?? tab });
          }}
        >
          {TABS.map((key, index) => (
            <Button
              key={key}
              class="jj-tab"
              role="tab"
              aria-selected={key === tab}
              tabIndex={key === tab ? 0 : -1}
              does={() => ui.set({ tab: key })}
            >
              {names[index]}
            </Button>
          ))}
        </div>
        <div key={tab} class="jj-buttons">
          {at ? (
            log.tools
          ) : (
            <>
              {verb && (
                <Button does={() => begin(view, verb, [row.id], ui.now.open)}>
                  {WORDS[verb]}
                  {isExample && " this one"}
                </Button>
              )}
              {isFailure(row.status) && bridge.can("repro") && (
                <CopyButton
                  label="Copy repro"
                  done="Copied: paste it into a cell"
                  text={async () =>
                    ((await bridge.request("repro", [row.id])) as { code: string }).code
                  }
                />
              )}
              {traceback && <CopyButton label="Copy traceback" text={() => plainText(traceback)} />}
              <CopyButton label="Copy id" text={() => row.id} />
            </>
          )}
        </div>
      </div>
      <div class="jj-body" role="tabpanel" aria-label={names[at]} tabIndex={at ? -1 : 0}>
        {at ? (
          log.body
        ) : (
          <div class="jj-columns">
            <Facts row={row} details={details} now={bridge.now()} />
            <div class="jj-outcome">
              {refused}
              {row.status === "LOST" && <p>The platform lost it: not your code.</p>}
              {details && <Outcome {...details} />}
              {!details && !refused && <p class="jj-muted">The kernel has the rest.</p>}
            </div>
          </div>
        )}
      </div>
    </div>
  );
}

interface Told {
  id?: string;
  details?: Details;
  refused?: string;
}

/** A job's details, asked for when it opens and, while it lives, again and again. */
function useDetails({ id, status }: Row, { bridge }: View): Told {
  const [told, tell] = useState<Told>({});
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isGone = false;
    const ask = async (): Promise<void> => {
      const told = await bridge.request("details", [id]).then(
        (details) => ({ details: details as Details }),
        ({ message }: Error) => ({ refused: message }),
      );
      if (isGone) return;
      tell({ id, ...told });
      if (isLive(status)) timer = setTimeout(ask, REFRESH_MS);
    };
    void ask();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [id, status]);
  return told.id === id ? told : {};
}

/** What is known of a job besides its outcome, as pairs; what is not known is left out. */
function Facts(props: { row: Row; details: Details | undefined; now: number }): JSX.Element {
  const { row, details, now } = props;
  const { request, params, error, submittedFrom, attempts = [] } = details ?? {};
  const code = (text: string | null | undefined): ComponentChildren =>
    text && <code>{plainText(text)}</code>;
  const at = (ms: number | null, more: string | null | undefined): ComponentChildren =>
    ms !== null && [clockTime(ms, now), more && ` · ${more}`];
  const took = elapsed(row, now);
  const facts: Record<string, ComponentChildren> = {
    submitted: at(row.createdAt, submittedFrom),
    started: at(row.startedAt, ""),
    ended: at(row.finishedAt, took === null ? "" : `took ${duration(took, true)}`),
    attempts: attempts.length > 1 && attempts.map(Attempt),
    [row.kind === "FUNCTION" ? "called as" : "request"]: code(request ?? row.request),
    params: code(params),
    tags: row.tags?.join(", "),
    priority: row.priority !== "MEDIUM" && row.priority?.toLowerCase(),
    "exit code": !error?.traceback && error?.exitCode,
    signal: error?.signal,
    id: code(row.id),
  };
  return <dl class="jj-facts">{pairs(Object.entries(facts))}</dl>;
}

function Attempt({
  id,
  status,
  startedAt,
  finishedAt,
  error,
}: Details["attempts"][0]): JSX.Element {
  return (
    <div key={id} class="jj-attempt" title={error ?? ""}>
      <StateIcon status={status} />
      {STATES[status].word}
      {startedAt && finishedAt && ` ${duration(finishedAt - startedAt, true)}`}
      {error && ` · ${error}`}
    </div>
  );
}

/** Why it failed, or what came of it, and its last words. */
function Outcome({ error, result, log }: Details): JSX.Element {
  const says = [error?.type, error?.message].filter(Boolean).join(": ");
  return (
    <>
      {says && <p class="jj-why">{plainText(says)}</p>}
      {error?.traceback && <Traceback {...error} />}
      {result && <Lines title="Result" text={result} />}
      {log.length > 0 && (
        <Lines title="Last lines of its log" text={log.slice(-FEW_LINES).join("\n")} />
      )}
      {!says && !result && !log.length && <p class="jj-muted">No output yet.</p>}
    </>
  );
}

function Lines({ title, text }: { title: string; text: string }): JSX.Element {
  return (
    <>
      <p class="jj-muted">{title}</p>
      <pre class="jj-code">{plainText(text)}</pre>
    </>
  );
}
