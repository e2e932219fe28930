import { h, useState, type ComponentChildren, type JSX } from "../dom.ts";
import { clockTime } from "../format.ts";
import { Snippet } from "./copy.tsx";
import type { PartProps, View } from "./view.ts";

/** A line or two below the header while the panel is not simply live: what is known, and what to do. */
export function Notice({ view, moment: { presence } }: PartProps): JSX.Element | null {
  const { bridge } = view;
  const { asOf } = bridge;
  const { detail, attempt } = bridge.connection;
  const goOn = bridge.store.liveCount ? "Jobs go on running." : "";
  const shown = asOf ? `Showing what was known at ${clockTime(asOf, Date.now())}.` : "";
  const known = `${shown} ${goOn}`;
  let says: ComponentChildren;
  let offers: ComponentChildren = <Snippet code="JobMonitor()" />;
  switch (presence.kind) {
    case "stale":
      says = known;
      offers = null;
      break;
    case "reconnecting":
      says = known;
      // What one attempt mends needs no reason.
      if (attempt > 1 && detail) says = [known, <Reason text={detail} />];
      offers = <Retry view={view} label="Try now" />;
      break;
    case "auth_failed":
      says = [<b>Sign-in is needed.</b>, ` ${known}`, <Reason text={detail} />];
      offers = <Retry view={view} label="Reconnect" refusal="Refused again." />;
      break;
    case "silent":
      says = `The kernel is busy, was restarted, or is gone. ${goOn} To see them live, run:`;
      break;
    case "closed":
      says = `This monitor was closed. ${goOn} To watch again, run:`;
      break;
    default:
      if (!detail) return null;
      says = <Reason text={detail} />;
      offers = null;
  }
  return (
    <div class={`jj-notice jj-n-${presence.kind}`}>
      <p>{says}</p>
      {offers}
    </div>
  );
}

/** What the kernel says of the connection, as a sentence; what is to be typed looks like it. */
function Reason({ text }: { text: string }): JSX.Element {
  const sentence = text
    .replace(/^[a-z](?=[a-z]* )/, (letter) => letter.toUpperCase()) // a word, not a host's name
    .replace(/[^.]$/, "$&.");
  const parts = sentence.split(/(monitor\.\w+\(.*?\))/);
  return (
    <span class="jj-reason">
      {parts.map((part, index) => (index % 2 ? <code>{part}</code> : part))}
    </span>
  );
}

/** How long an attempt that was asked for may take before the panel says that it came to nothing. */
const VERDICT_MS = 2_000;

function Retry(props: { view: View; label: string; refusal?: string }): JSX.Element {
  const { view, label, refusal = "" } = props;
  const [state, setState] = useState({ asked: false, refused: "" });
  const end = (refused: string): void => setState({ asked: false, refused });
  const ask = (): void => {
    setState({ asked: true, refused: "" });
    view.bridge.request("reconnect", null).then(
      () => setTimeout(() => end(refusal), VERDICT_MS),
      (error: Error) => end(error.message),
    );
  };
  return (
    <span class="jj-offer">
      {state.refused}
      <button type="button" class="jj-button" disabled={state.asked} onClick={ask}>
        {state.asked ? "Trying…" : label}
      </button>
    </span>
  );
}
