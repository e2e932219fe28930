/**
 * The one place that knows the widget's model: what the kernel says becomes state, what a reader does becomes messages.
 *
 * Messages from the kernel are numbered. A snapshot starts the count, each patch is one more, a beat repeats the last
 * number: whatever does not fit means that something was lost, and is answered by `resync`, and the snapshot that
 * follows makes all right again. The kernel sends only while a page says that it lives: `hello` when the first view
 * appears, `alive` every 20 s, `bye` when the last one goes. While the kernel is silent the sign of life is a `hello`
 * too, so that a kernel that comes back answers with a snapshot. Where a host does not push, the page polls.
 *
 * An action waits as long as the kernel is busy. It is said again after a snapshot, since it may have been lost before
 * it; by its number the kernel knows what it has done already. Only when the comm went, and nobody answers, is it over.
 */

import type { AnyModel } from "@anywidget/types";
import { act } from "./acts.ts";
import { Changes } from "./changes.ts";
import { followingOf, type Following } from "./following.ts";
import type { Kernel } from "./presence.ts";
import { storeOf, type JobStore } from "./store.ts";
import type {
  Ability,
  Action,
  Connection,
  Deed,
  FromKernel,
  NewJob,
  Summary,
  ToKernel,
} from "./types.ts";
import type { UiState } from "./ui_state.ts";
import { decode } from "./wire.ts";

export type PanelModel = Pick<AnyModel<{ summary: Summary }>, "get" | "on" | "off" | "send">;

/** How often a page says that it is there. */
export const ALIVE_MS = 20_000;
/** After this long without a word, while jobs live, the panel is not live. The kernel beats every 5 s. */
export const SILENCE_MS = 15_000;
/** How long the first word may take before the page says that nobody answers. */
export const FIRST_WORD_MS = 3_000;
/** After this long without a word, while something is awaited, the page asks by itself. */
export const QUIET_MS = 7_000;
/** How often it asks. */
export const POLL_MS = 3_000;
/** An action that is unanswered for so long waits for a kernel that is busy. */
export const ANSWER_MS = 300;
const RESYNC_MS = 1_000;
const WATCH_MS = 1_000;
const SOON_MS = 300;

const UNKNOWN: Connection = {
  state: "connecting",
  detail: "",
  retryAt: null,
  attempt: 0,
  asOf: null,
};

interface Pending {
  message: Said;
  sentAt: number;
  /** Whether a reader waits for the answer, which is late. */
  waits: boolean;
  timer: ReturnType<typeof setTimeout>;
  resolve(data: unknown): void;
  reject(error: Error): void;
}

type Without<Message> = Message extends ToKernel ? Omit<Message, "page"> : never;
type Said = Without<ToKernel>;

export interface Bridge {
  readonly store: JobStore;
  /** Told of every change of what follows, and of the store. */
  readonly changes: Changes;
  readonly kernel: Kernel;
  readonly connection: Connection;
  readonly backend: string;
  /** What can be submitted, as far as it is known. */
  readonly requests: readonly string[];
  /** How many actions wait for a kernel that is busy. */
  readonly waiting: number;
  /** The last moment for which the panel is known to be right, on the kernel's clock; null or 0 before there was one. */
  readonly asOf: number | null;
  /** The time on the kernel's clock, whose times the rows carry; until that is known, the time of the rows. */
  now(): number;
  /** Count a view in; the function it returns counts it out. */
  attach(): () => void;
  /** Whether this API can do it, and somebody is there to ask. */
  can(ability: Ability): boolean;
  /**
   * Ask the kernel to do something; rejects with the sentence it refuses with. Waits as long as the kernel is busy.
   * @param onWaiting Called once when the answer is late.
   * @param job What is to be submitted.
   */
  request(
    action: Action,
    jobs?: readonly string[],
    onWaiting?: () => void,
    job?: NewJob,
  ): Promise<unknown>;
  /** Cancel jobs, retry them, or run them again, and show in `ui` at once, and until each job shows it, what becomes of it. */
  act(ui: UiState, verb: Deed, ids: readonly string[]): void;
  follow: Following["follow"];
}

/** @param closed Ends the bridge's listening and waiting. */
export function bridgeOf(model: PanelModel, closed: AbortSignal): Bridge {
  const page = Math.random().toString(36).slice(2, 12); // crypto.randomUUID is missing on plain http
  const pending = new Map<number, Pending>();
  const following = followingOf((job, after) => send({ type: "follow", job, after }));
  const clock = (): number => Date.now();
  let actions: readonly Ability[] = [];
  let lastAction = 0;
  let views = 0;
  let seq: number | null = null;
  let resyncAt = -Infinity;
  let heardAt = 0;
  let saidAt = 0;
  let polledAt = 0;
  let clockOffset = 0;
  let knownAt = 0;
  let watch: ReturnType<typeof setInterval> | undefined;
  let farewell: ReturnType<typeof setTimeout> | undefined;

  const bridge: { -readonly [Key in keyof Bridge]: Bridge[Key] } = {
    store: storeOf(),
    changes: new Changes(),
    kernel: "waiting",
    connection: UNKNOWN,
    backend: "",
    requests: [],
    get waiting() {
      return [...pending.values()].filter(({ waits }) => waits).length;
    },
    get asOf() {
      return bridge.kernel === "silent" ? knownAt : bridge.connection.asOf;
    },
    now: () => (bridge.kernel === "waiting" && knownAt) || clock() + clockOffset,
    attach() {
      if (!views++) {
        bridge.kernel = "waiting";
        heardAt = clock();
        say("hello");
        // JupyterLab may send the first word before it knows the comm's subshell; clicks follow the last word's way.
        setTimeout(greet, SOON_MS);
        watch = setInterval(look, WATCH_MS);
      }
      let isAttached = true;
      return () => {
        if (!isAttached) return;
        isAttached = false;
        if (--views) return;
        clearInterval(watch);
        say("bye");
      };
    },
    can: (ability) => bridge.kernel === "live" && actions.includes(ability),
    request: (action, jobs = [], onWaiting, job) =>
      new Promise((resolve, reject) => {
        const actionId = (lastAction += 1);
        const message: Said = { type: "action", action, actionId, jobs, job };
        const timer = setTimeout(() => {
          mine.waits = action !== "details"; // for those nobody clicked
          onWaiting?.();
          changes.tell();
        }, ANSWER_MS);
        const mine = { message, sentAt: clock(), waits: false, timer, resolve, reject };
        pending.set(actionId, mine);
        if (!send(message)) refuse(actionId);
      }),
    act: (ui, verb, ids) => act(bridge, ui, verb, ids),
    follow: following.follow,
  };
  const { store, changes } = bridge;

  function receive(message: FromKernel): void {
    switch (message.type) {
      case "snapshot":
        seq = message.seq;
        resyncAt = -Infinity;
        clockOffset = message.now - clock();
        actions = message.actions;
        bridge.connection = message.connection;
        bridge.backend = message.backend;
        bridge.requests = message.requests ?? [];
        store.replace(decode(message.rows), message);
        resume();
        break;
      case "patch":
        if (!follows(message.seq, 1)) break;
        seq = message.seq;
        store.drop(message.gone ?? []);
        store.add(message.rows ? decode(message.rows) : []);
        store.patch(message.jobs ?? {});
        bridge.connection = message.connection ?? bridge.connection;
        break;
      case "beat":
        follows(message.seq, 0);
        break;
      case "log":
        if (message.page === page) following.take(message);
        break;
      case "reply": {
        if (message.page !== page) break;
        const settled = take(message.actionId);
        if (message.ok) settled?.resolve(message.data);
        else settled?.reject(new Error(message.error));
      }
    }
    heardAt = clock();
    // Before the first snapshot a reply or a beat is a sign of life, but there is nothing live to show yet.
    if (seq === null) return;
    bridge.kernel = "live";
    knownAt = bridge.now();
    changes.tell();
  }

  /** Whether a message comes `step` after the last one; when one is missing between them, asks for a snapshot. */
  function follows(next: number, step: 0 | 1): boolean {
    if (seq !== null && next <= seq + step) return next === seq + step && step > 0;
    if (clock() - resyncAt >= RESYNC_MS) {
      resyncAt = clock();
      send({ type: "resync", have: seq ?? 0 });
    }
    return false;
  }

  function take(actionId: number): Pending | undefined {
    const taken = pending.get(actionId);
    clearTimeout(taken?.timer);
    pending.delete(actionId);
    return taken;
  }

  function refuse(actionId: number): void {
    const why = "The kernel cannot be reached. Run JobMonitor() in any cell.";
    take(actionId)?.reject(new Error(why));
    changes.tell();
  }

  /** After a snapshot: say again what may have been lost on the way. */
  function resume(): void {
    clearTimeout(farewell);
    repeat();
    following.resume();
  }

  /** Say again what waits: it may be lost, or stand behind a cell where there is a way past it by now. */
  function repeat(): void {
    for (const each of pending.values()) {
      if (clock() - each.sentAt < FIRST_WORD_MS) continue;
      each.sentAt = clock();
      send(each.message);
    }
  }

  function look(): void {
    repeat();
    const { liveCount } = store;
    const quietFor = clock() - heardAt;
    const patience =
      bridge.kernel === "waiting" ? FIRST_WORD_MS : liveCount ? SILENCE_MS : Infinity;
    if (bridge.kernel !== "silent" && quietFor >= patience) fallSilent();
    else if (clock() - saidAt >= ALIVE_MS) greet();
    else if (
      bridge.kernel === "live" &&
      liveCount + pending.size &&
      quietFor >= QUIET_MS &&
      clock() - polledAt >= POLL_MS
    ) {
      polledAt = clock();
      send({ type: "poll", have: seq ?? 0 });
    }
  }

  function fallSilent(): void {
    bridge.kernel = "silent";
    changes.tell();
    if (views) say("hello");
  }

  function greet(): void {
    if (views) say(bridge.kernel === "live" ? "alive" : "hello");
  }

  function say(type: "hello" | "alive" | "bye"): void {
    saidAt = clock();
    send({ type });
  }

  function send(message: Said): boolean {
    try {
      model.send({ ...message, page } as ToKernel);
      return true;
    } catch {
      return false; // the comm is gone with its kernel; `look` and `comm_live_update` show it
    }
  }

  function readSummary(): void {
    const summary = model.get("summary");
    if (seq !== null || !summary?.rows) return;
    bridge.connection = summary.connection;
    bridge.backend = summary.backend;
    knownAt = summary.asOf;
    store.replace(summary.rows, summary);
    changes.tell();
  }

  // JupyterLab: the comm was lost, or found again; which of them, the answer to `hello` tells.
  function onCommChanged(): void {
    fallSilent();
    clearTimeout(farewell);
    farewell = setTimeout(() => [...pending.keys()].forEach(refuse), FIRST_WORD_MS);
  }

  function onVisible(): void {
    if (document.visibilityState === "visible") greet(); // timers slept with the tab
  }

  function onPageHide(event: PageTransitionEvent): void {
    if (!event.persisted && views) say("bye");
  }

  const heard = [
    ["msg:custom", receive],
    ["change:summary", readSummary],
    ["comm_live_update", onCommChanged],
  ] as const;
  readSummary();
  for (const [name, hear] of heard) model.on(name, hear);
  document.addEventListener("visibilitychange", onVisible, { signal: closed });
  window.addEventListener("pagehide", onPageHide, { signal: closed });
  closed.addEventListener("abort", () => {
    for (const [name, hear] of heard) model.off(name, hear);
    clearInterval(watch);
    clearTimeout(farewell);
    for (const { timer } of pending.values()) clearTimeout(timer);
  });
  return bridge;
}
