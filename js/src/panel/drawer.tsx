import { Fragment, h, useEffect, useState, type ComponentChildren, type JSX } from "../dom.ts";
import { Spark } from "../columns.tsx";
import { clockTime, duration, isFailure, isLive, label, plainText } from "../format.ts";
import { StateIcon, STATES } from "../states.tsx";
import type { Attempt as Try, Details, Fact, Row } from "../types.ts";
import { begin, verbFor, WORDS } from "./asking.tsx";
import { CopyButton, Snippet } from "./copy.tsx";
import { useLog } from "./log.tsx";
import { Button, terms, useMeasured } from "./parts.tsx";
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
            </>
          )}
        </div>
      </div>
      <div class="jj-body" role="tabpanel" aria-label={names[at]} tabIndex={at ? -1 : 0}>
        {at ? (
          log.body
        ) : (
          <div class="jj-columns">
            {details && <Facts {...details} />}
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

/** What is known of a job besides its outcome. */
function Facts({ pairs = [], attempts }: Details): JSX.Element {
  return (
    <dl class="jj-facts">
      {terms([
        ...pairs.map(([term, fact]) => [term, drawn(fact)] as const),
        ["attempts", attempts.length > 1 && attempts.map(Attempt)],
      ])}
    </dl>
  );
}

function drawn(fact: Fact): ComponentChildren {
  if (typeof fact === "number") return clockTime(fact, Date.now());
  if (typeof fact === "string") return plainText(fact);
  if ("code" in fact) return <Snippet code={plainText(fact.code)} />;
  return fact.map(([text, path]) => (
    <div key={text} class="jj-offer">
      {plainText(text)}
      {path !== null && <CopyButton label="Copy" text={() => path} />}
    </div>
  ));
}

function Attempt({ id, status, startedAt, finishedAt, error }: Try): JSX.Element {
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
function Outcome({ error, charts = [], log }: Details): JSX.Element {
  const says = [error?.type, error?.message].filter(Boolean).join(": ");
  return (
    <>
      {charts.map((chart, index) => (
        <Spark key={index} chart={chart} />
      ))}
      {says && <p class="jj-why">{plainText(says)}</p>}
      {error?.traceback && <Traceback {...error} />}
      {log.length > 0 && (
        <>
          <p class="jj-muted">Last lines of its log</p>
          <pre class="jj-code">{plainText(log.slice(-FEW_LINES).join("\n"))}</pre>
        </>
      )}
      {!says && !log.length && <p class="jj-muted">No output yet.</p>}
    </>
  );
}
