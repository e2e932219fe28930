import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { clockTime } from "../format.ts";
import { Snippet } from "./copy.tsx";
import type { PartProps, View } from "./view.ts";

/** A line or two below the header while the panel is not simply live: what is known, and what to do. */
export function Notice({ view, moment: { presence } }: PartProps): JSX.Element | null {
  const { bridge } = view;
  const goOn = bridge.store.liveCount ? "Jobs go on running." : "";
  const known = `Showing what was known at ${clockTime(bridge.asOf, Date.now())}. ${goOn}`;
  let says: ComponentChildren;
  let offers: ComponentChildren = <Snippet code="JobMonitor()" />;
  switch (presence.kind) {
    case "stale":
      says = known;
      offers = null;
      break;
    case "reconnecting":
      says = known;
      offers = <Retry view={view} label="Try now" />;
      break;
    case "auth_failed":
      says = (
        <>
          <b>{bridge.connection.detail || "The backend refused the sign-in."}</b> {known}
        </>
      );
      offers = <Retry view={view} label="Try again" />;
      break;
    case "silent":
      says = `The kernel is busy, was restarted, or is gone. ${goOn} To see them live, run:`;
      break;
    case "closed":
      says = `This monitor was closed. ${goOn} To watch again, run:`;
      break;
    default:
      return null;
  }
  return (
    <div class={`jj-notice jj-n-${presence.kind}`}>
      <p>{says}</p>
      {offers}
    </div>
  );
}

function Retry({ view, label }: { view: View; label: string }): JSX.Element {
  const [state, setState] = useState({ asked: false, refused: "" });
  const ask = (): void => {
    setState({ asked: true, refused: "" });
    view.bridge.request("reconnect", null).then(
      () => setState({ asked: false, refused: "" }),
      (error: Error) => setState({ asked: false, refused: error.message }),
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
