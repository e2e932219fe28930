import { h, useState, type ComponentChildren, type JSX } from "../dom.ts";
import { clockTime, label } from "../format.ts";
import { secondsToRetry } from "../presence.ts";
import { Snippet } from "./copy.tsx";
import type { PartProps, View } from "./view.ts";

/** A line or two below the header while the panel is not simply live: what is known, and what to do. */
export function Notice({ view, moment: { presence, wall } }: PartProps): JSX.Element | null {
  const { bridge } = view;
  const { asOf, connection } = bridge;
  const { detail } = connection;
  const { kind } = presence;
  const goOn = bridge.store.liveCount ? " Jobs go on running." : "";
  const known = (asOf ? ` Showing what was known at ${clockTime(asOf, bridge.now())}.` : "") + goOn;
  let says: ComponentChildren;
  let reason = detail;
  let offers: ComponentChildren = null;
  if (kind === "stale") says = `Nothing was heard for a while.${known}`;
  else if (kind === "reconnecting") {
    const wait = secondsToRetry(connection, wall);
    says = `The connection is lost. ${wait ? `Next try in ${wait} s.` : "Trying now."}${known}`;
    if (connection.attempt < 2) reason = ""; // what one attempt mends needs none
    offers = <Again view={view} label="Try now" />;
  } else if (kind === "auth_failed") {
    says = `Sign-in is needed.${known}`;
    offers = <Again view={view} label="Reconnect" refusal="Refused again." />;
  } else if (kind === "silent" || kind === "closed") {
    says =
      kind === "closed"
        ? `This monitor was closed.${goOn} To watch again, run:`
        : `The kernel is busy, was restarted, or is gone.${goOn} To see them live, run:`;
    reason = "";
    offers = <Snippet code="JobMonitor()" />;
  } else if (bridge.waiting) says = busy(view);
  else if (!detail) return null;
  return (
    <div class={`jj-notice jj-n-${kind}`}>
      <p>
        {says}
        {reason && <Reason text={reason} />}
      </p>
      {offers}
    </div>
  );
}

/** What waits until the kernel has time. */
function busy({ bridge, ui }: View): string {
  const waiting = [...ui.now.acts].filter(([, act]) => act.phase === "waiting");
  const named = (["cancel", "retry"] as const).flatMap((verb) => {
    const ids = waiting.flatMap(([id, act]) => (act.verb === verb ? [id] : []));
    const row = bridge.store.get(ids[0] ?? "");
    return row ? `${verb} ${ids.length > 1 ? `${ids.length} jobs` : label(row)}` : [];
  });
  const what = named.length
    ? `${named.length > 1 ? "2 actions are" : "1 action is"} waiting: ${named.join(", ")}.`
    : "What you asked for comes when it has time.";
  return `The kernel is busy with a cell. ${what}`;
}

/** What the kernel says of the connection, as a sentence; what is to be typed looks like it. */
function Reason({ text }: { text: string }): JSX.Element {
  const sentence = text
    .replace(/^[a-z](?=[a-z]* )/, (letter) => letter.toUpperCase()) // a word, not a host's name
    .replace(/[^.]$/, "$&.");
  return (
    <span class="jj-reason">
      {sentence
        .split(/(monitor\.\w+\(.*?\))/)
        .map((part, index) => (index % 2 ? <code>{part}</code> : part))}
    </span>
  );
}

/** How long an attempt that was asked for may take before the panel says that it came to nothing. */
const VERDICT_MS = 2_000;
const TRYING = "Trying…";

function Again(props: { view: View; label: string; refusal?: string }): JSX.Element {
  const [told, tell] = useState("");
  const isTrying = told === TRYING;
  const ask = (): void => {
    tell(TRYING);
    props.view.bridge.request("reconnect").then(
      () => setTimeout(tell, VERDICT_MS, props.refusal ?? ""),
      (error: Error) => tell(error.message),
    );
  };
  return (
    <span class="jj-offer">
      {!isTrying && told}
      <button type="button" class="jj-button" disabled={isTrying} onClick={ask}>
        {isTrying ? told : props.label}
      </button>
    </span>
  );
}
