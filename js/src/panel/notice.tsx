import { h, memo, useState, type JSX } from "../dom.ts";
import { clockTime, label } from "../format.ts";
import { secondsToRetry, type Presence } from "../presence.ts";
import { Snippet } from "./copy.tsx";
import { Button } from "./parts.tsx";
import type { PartProps, View } from "./view.ts";

/** What keeps the panel from being live. */
const TROUBLE: Partial<Record<Presence["kind"], string>> = {
  stale: "Nothing was heard for a while.",
  reconnecting: "The connection is lost.",
  auth_failed: "Sign-in is needed.",
  closed: "This monitor was closed.",
  silent: "The kernel is busy, was restarted, or is gone.",
};

/** A line or two below the header while the panel is not simply live: what is known, and what to do. */
export const Notice = memo(({ view, presence, wall }: PartProps): JSX.Element | null => {
  const { bridge } = view;
  const { asOf, connection, store, waiting } = bridge;
  const { detail, attempt } = connection;
  const { kind, frozen } = presence;
  if (!frozen && !waiting && !detail) return null;
  const isGone = kind === "silent" || kind === "closed";
  const isTrying = kind === "reconnecting";
  const wait = isTrying && secondsToRetry(connection, wall);
  const says = [
    TROUBLE[kind],
    isTrying && (wait ? `Next try in ${wait} s.` : "Trying now."),
    frozen && !isGone && asOf && `Showing what was known at ${clockTime(asOf, bridge.now())}.`,
    frozen && store.liveCount && "Jobs go on running.",
    isGone && "To watch again, run:",
    !frozen && waiting && busy(view),
  ];
  // What one attempt mends needs no reason.
  const reason = !isGone && !(isTrying && attempt < 2) && detail;
  return (
    <div class={`jj-notice jj-n-${kind}`}>
      <p>
        {says.filter(Boolean).join(" ")}
        {reason && <Reason text={reason} />}
      </p>
      {isGone && <Snippet code="JobMonitor()" />}
      {(isTrying || kind === "auth_failed") && <Again view={view} isTrying={isTrying} />}
    </div>
  );
});

/** What waits until the kernel has time. */
function busy({ bridge, ui }: View): string {
  const named = (["cancel", "retry"] as const).flatMap((verb) => {
    const ids = [...ui.now.acts].flatMap(([id, act]) =>
      act.verb === verb && act.phase === "waiting" ? [id] : [],
    );
    const row = bridge.store.get(ids[0] ?? "");
    return row ? `${verb} ${ids.length > 1 ? `${ids.length} jobs` : label(row)}` : [];
  });
  return `The kernel is busy with a cell. Waiting: ${named.join(", ") || "what you asked for"}.`;
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
const TRIED = "Refused again.";

/** The offer to connect now. It stays while what is wrong changes, or it would forget what it has to say. */
function Again(props: { view: View; isTrying: boolean }): JSX.Element {
  const [told, tell] = useState("");
  const isAsked = told === TRYING;
  const ask = (): void => {
    tell(TRYING);
    props.view.bridge.request("reconnect").then(
      () => setTimeout(tell, VERDICT_MS, TRIED),
      (error: Error) => tell(error.message),
    );
  };
  return (
    <span class="jj-offer">
      {!isAsked && !(props.isTrying && told === TRIED) && told}
      <Button disabled={isAsked} does={ask}>
        {isAsked ? told : props.isTrying ? "Try now" : "Reconnect"}
      </Button>
    </span>
  );
}
