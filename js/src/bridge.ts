/**
 * The one place that knows the widget's model: what the kernel says becomes state, what a reader does becomes messages.
 *
 * Messages from the kernel are numbered. A snapshot starts the count, each patch is one more, a beat repeats the last
 * number: whatever does not fit means that something was lost, and is answered by `resync`, and the snapshot that
 * follows makes all right again. The kernel sends only while a page says that it lives: `hello` when the first view
 * appears, `alive` every 20 s, `bye` when the last one goes. While the kernel is silent the sign of life is a `hello`
 * too, so that a kernel that comes back answers with a snapshot.
 */

import type { AnyModel } from "@anywidget/types";
import { Changes } from "./changes.ts";
import type { Kernel } from "./presence.ts";
import { JobStore } from "./store.ts";
import type {
  Ability,
  Action,
  Connection,
  FromKernel,
  LogLine,
  Summary,
  ToKernel,
  Verb,
  Verdicts,
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
/** After this long without a word, while something is awaited, the page asks by itself: some hosts do not push. */
export const QUIET_MS = 7_000;
/** How often it asks. */
export const POLL_MS = 3_000;
/** An action that is unanswered for so long waits for a kernel that is busy. */
export const ANSWER_MS = 300;
/** How long a click is shown after its answer, unless the job shows it before. */
export const SHOWN_MS = 5_000;
const RESYNC_MS = 1_000;
const WATCH_MS = 1_000;

const UNKNOWN: Connection = {
  state: "connecting",
  detail: "",
  retryAt: null,
  attempt: 0,
  asOf: null,
};

const GONE = "The kernel cannot be reached. Run JobMonitor() in any cell.";

interface Pending {
  message: ToKernel;
  sentAt: number;
  /** Whether the answer is late. */
  waits: boolean;
  timer: ReturnType<typeof setTimeout>;
  resolve(data: unknown): void;
  reject(error: Error): void;
}

interface Follower {
  job: string;
  /** The last line that it has. */
  after: number;
  /** Where a line was missing and asked for again: the kernel has not got it either. */
  asked: number;
  onLines(lines: readonly LogLine[], ended: boolean): void;
}

export class Bridge {
  readonly store = new JobStore();
  /** Told of every change of what follows, and of the store. */
  readonly changes = new Changes();
  kernel: Kernel = "waiting";
  connection = UNKNOWN;
  backend = "";

  readonly #model: PanelModel;
  readonly #page = Math.random().toString(36).slice(2, 12); // crypto.randomUUID is missing on plain http
  readonly #pending = new Map<number, Pending>();
  #actions: readonly Ability[] = [];
  #followers: Follower[] = [];
  #lastAction = 0;
  #views = 0;
  #seq: number | null = null;
  #resyncAt = -Infinity;
  #heardAt = 0;
  #saidAt = 0;
  #polledAt = 0;
  #gone: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #clockOffset = 0;
  #knownAt = 0;

  constructor(model: PanelModel, closed: AbortSignal) {
    this.#model = model;
    this.#readSummary();
    model.on("msg:custom", this.#receive);
    model.on("change:summary", this.#onSummary);
    model.on("comm_live_update", this.#onCommChanged);
    document.addEventListener("visibilitychange", this.#onVisible, { signal: closed });
    window.addEventListener("pagehide", this.#onPageHide, { signal: closed });
    closed.addEventListener("abort", () => {
      model.off("msg:custom", this.#receive);
      model.off("change:summary", this.#onSummary);
      model.off("comm_live_update", this.#onCommChanged);
      clearInterval(this.#watch);
      clearTimeout(this.#gone);
      for (const { timer } of this.#pending.values()) clearTimeout(timer);
    });
  }

  /** The time on the kernel's clock, whose times the rows carry; until that is known, the time of the rows. */
  now(): number {
    if (this.kernel === "waiting" && this.#knownAt) return this.#knownAt;
    return Date.now() + this.#clockOffset;
  }

  /** The last moment for which the panel is known to be right, on the kernel's clock; null or 0 before there was one. */
  get asOf(): number | null {
    return this.kernel === "silent" ? this.#knownAt : this.connection.asOf;
  }

  /** Count a view in; the function it returns counts it out. */
  attach(): () => void {
    this.#views += 1;
    if (this.#views === 1) {
      this.kernel = "waiting";
      this.#heardAt = Date.now();
      this.#say("hello");
      this.#watch = setInterval(this.#look, WATCH_MS);
    }
    let attached = true;
    return () => {
      if (!attached) return;
      attached = false;
      this.#views -= 1;
      if (this.#views > 0) return;
      clearInterval(this.#watch);
      this.#say("bye");
    };
  }

  /** Whether this API can do it, and somebody is there to ask. */
  can(ability: Ability): boolean {
    return this.kernel === "live" && this.#actions.includes(ability);
  }

  /** How many actions wait for a kernel that is busy. */
  get waiting(): number {
    return [...this.#pending.values()].filter((pending) => pending.waits).length;
  }

  /**
   * Ask the kernel to do something; rejects with the sentence it refuses with. Waits as long as the kernel is busy.
   * @param onWaiting Called once when the answer is late.
   */
  request(
    action: Action,
    jobs: readonly string[] = [],
    onWaiting: () => void = () => undefined,
  ): Promise<unknown> {
    const actionId = (this.#lastAction += 1);
    const message: ToKernel = { type: "action", page: this.#page, action, actionId, jobs };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.waits = true;
        onWaiting();
        this.changes.tell();
      }, ANSWER_MS);
      const pending = { message, sentAt: Date.now(), waits: false, timer, resolve, reject };
      this.#pending.set(actionId, pending);
      if (this.#send(message)) return;
      this.#pending.delete(actionId);
      clearTimeout(timer);
      reject(new Error(GONE));
    });
  }

  /** Cancel or retry jobs, and show in `ui` at once, and until each job shows it, what becomes of it. */
  act(ui: UiState, verb: Verb, ids: readonly string[]): void {
    const open = new Set(
      ids.filter((id) => (ui.now.acts.get(id)?.phase ?? "refused") === "refused"),
    );
    if (!open.size) return;
    const before = new Map([...open].map((id) => [id, this.store.get(id)?.status]));
    const shown = (id: string): boolean => this.store.get(id)?.status !== before.get(id);
    const forget = (ids: Iterable<string>): void => {
      const gone = [...ids].filter((id) => open.delete(id));
      if (gone.length) ui.setActs(gone, null);
      if (!open.size) unwatch();
    };
    const refuse = (id: string, why: string): void => {
      if (open.delete(id)) ui.setActs([id], { verb, phase: "refused", why });
    };
    const unwatch = this.store.watch((changed) => forget((changed ?? [...open]).filter(shown)));

    ui.setActs(open, { verb, phase: "sent" });
    this.request(verb, [...open], () => ui.setActs(open, { verb, phase: "waiting" })).then(
      (data) => {
        const { refused = {} } = (data ?? {}) as Partial<Verdicts>;
        for (const [id, why] of Object.entries(refused)) refuse(id, why);
        ui.setActs(open, { verb, phase: "sent" });
        setTimeout(() => forget(open), SHOWN_MS);
      },
      (error: Error) => {
        for (const id of open) refuse(id, error.message);
        unwatch();
      },
    );
  }

  /** Hand on a job's log, from what the kernel has kept of it to its end, until the returned function is called. */
  follow(job: string | null, onLines: Follower["onLines"]): () => void {
    if (job === null) return () => undefined;
    const follower = { job, after: 0, asked: -1, onLines };
    this.#followers.push(follower);
    this.#sayFollow();
    return () => {
      const wasLast = this.#followers.at(-1) === follower;
      this.#followers = this.#followers.filter((other) => other !== follower);
      if (wasLast) this.#sayFollow();
    };
  }

  #receive = (message: FromKernel): void => {
    switch (message.type) {
      case "snapshot":
        this.#seq = message.seq;
        this.#resyncAt = -Infinity;
        this.#clockOffset = message.now - Date.now();
        this.connection = message.connection;
        this.backend = message.backend;
        this.#actions = message.actions;
        this.store.replace(decode(message.rows), message);
        this.#resume();
        break;
      case "patch":
        if (this.#follows(message.seq, 1)) {
          this.#seq = message.seq;
          if (message.gone) this.store.drop(message.gone);
          if (message.rows) this.store.add(decode(message.rows));
          if (message.jobs) this.store.patch(message.jobs);
          if (message.connection) this.connection = message.connection;
        }
        break;
      case "beat":
        this.#follows(message.seq, 0);
        break;
      case "log":
        this.#log(message);
        break;
      case "reply":
        this.#settle(message);
        break;
    }
    this.#heard();
  };

  /** Whether a message comes `step` after the last one; when one is missing between them, asks for a snapshot. */
  #follows(seq: number, step: 0 | 1): boolean {
    if (this.#seq !== null && seq <= this.#seq) return false;
    if (this.#seq !== null && seq === this.#seq + step) return true;
    if (Date.now() - this.#resyncAt >= RESYNC_MS) {
      this.#resyncAt = Date.now();
      this.#send({ type: "resync", page: this.#page, have: this.#seq ?? 0 });
    }
    return false;
  }

  #settle(reply: FromKernel & { type: "reply" }): void {
    const pending = this.#pending.get(reply.actionId);
    if (reply.page !== this.#page || !pending) return;
    clearTimeout(pending.timer);
    this.#pending.delete(reply.actionId);
    if (reply.ok) pending.resolve(reply.data);
    else pending.reject(new Error(reply.error));
  }

  /** After a snapshot: what may have been lost on the way is said again; an action has its number, so it is done once. */
  #resume(): void {
    clearTimeout(this.#gone);
    for (const pending of this.#pending.values()) {
      if (Date.now() - pending.sentAt < FIRST_WORD_MS) continue;
      pending.sentAt = Date.now();
      this.#send(pending.message);
    }
    if (this.#followers.length) this.#sayFollow();
  }

  #refuseAll = (): void => {
    for (const { timer, reject } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new Error(GONE));
    }
    this.#pending.clear();
    this.changes.tell();
  };

  /** The kernel follows one log for a page: that of the latest follower. */
  #sayFollow(): void {
    const { job, after } = this.#followers.at(-1) ?? { job: null, after: 0 };
    this.#send({ type: "follow", page: this.#page, job, after });
  }

  #log({ page, job, lines, ended }: FromKernel & { type: "log" }): void {
    if (page !== this.#page) return;
    for (const follower of this.#followers) {
      if (follower.job !== job) continue;
      const { after } = follower;
      const fresh = lines.filter((line) => line.seq > after);
      if (after && fresh[0] && fresh[0].seq > after + 1 && follower.asked !== after) {
        follower.asked = after;
        this.#sayFollow();
        continue;
      }
      follower.after = fresh.at(-1)?.seq ?? after;
      follower.onLines(fresh, ended);
    }
  }

  #heard(): void {
    this.#heardAt = Date.now();
    // Before the first snapshot a reply or a beat is a sign of life, but there is nothing live to show yet.
    if (this.#seq === null) return;
    this.kernel = "live";
    this.#knownAt = this.now();
    this.changes.tell();
  }

  #look = (): void => {
    const quietFor = Date.now() - this.#heardAt;
    const patience =
      this.kernel === "waiting" ? FIRST_WORD_MS : this.store.liveCount ? SILENCE_MS : Infinity;
    const awaited = this.store.liveCount + this.#pending.size > 0;
    if (this.kernel !== "silent" && quietFor >= patience) this.#fallSilent();
    else if (this.kernel === "live" && awaited && quietFor >= QUIET_MS) this.#poll();
    else if (Date.now() - this.#saidAt >= ALIVE_MS) this.#greet();
  };

  #poll(): void {
    if (Date.now() - this.#polledAt < POLL_MS) return;
    this.#polledAt = Date.now();
    this.#send({ type: "poll", page: this.#page, have: this.#seq ?? 0 });
  }

  #fallSilent(): void {
    this.kernel = "silent";
    this.changes.tell();
    if (this.#views) this.#say("hello");
  }

  #greet(): void {
    this.#say(this.kernel === "live" ? "alive" : "hello");
  }

  #say(type: "hello" | "alive" | "bye"): void {
    this.#saidAt = Date.now();
    this.#send({ type, page: this.#page });
  }

  #send(message: ToKernel): boolean {
    try {
      this.#model.send(message);
      return true;
    } catch {
      return false; // the comm is gone with its kernel; `#look` and `comm_live_update` show it
    }
  }

  #readSummary(): void {
    const summary = this.#model.get("summary");
    if (!summary?.rows) return;
    this.connection = summary.connection;
    this.backend = summary.backend;
    this.#knownAt = summary.asOf;
    this.store.replace(summary.rows, summary);
    this.changes.tell();
  }

  #onSummary = (): void => {
    if (this.#seq === null) this.#readSummary();
  };

  // JupyterLab: the comm was lost, or found again; which of them, the answer to `hello` tells.
  #onCommChanged = (): void => {
    this.#fallSilent();
    clearTimeout(this.#gone);
    this.#gone = setTimeout(this.#refuseAll, FIRST_WORD_MS);
  };

  #onVisible = (): void => {
    if (document.visibilityState === "visible" && this.#views) this.#greet(); // timers slept with the tab
  };

  #onPageHide = (event: PageTransitionEvent): void => {
    if (!event.persisted && this.#views) this.#say("bye");
  };
}
