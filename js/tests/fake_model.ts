/** A stand-in for the widget's model: answers details from a recorded panel, keeps what the page sent. */

import type { PanelModel } from "../src/bridge.ts";
import type { Details, FromKernel, Summary, ToKernel } from "../src/types.ts";

/** One recorded panel, as in `tests/wire/panel-*.json`. */
export interface Recorded {
  about: string;
  summary: Summary;
  messages: FromKernel[];
  details: Record<string, Details>;
}

type Handler = (...message: any[]) => void;

export class FakeModel implements PanelModel {
  readonly sent: ToKernel[] = [];
  /** What `send` throws, when the comm is gone. */
  broken: Error | null = null;
  readonly #handlers = new Map<string, Set<Handler>>();

  constructor(
    public summary: Summary,
    readonly onSend: (message: ToKernel, model: FakeModel) => void = () => undefined,
  ) {}

  get<K extends "summary">(_key: K): Summary {
    return this.summary;
  }

  on(name: string, handler: Handler): void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
  }

  off(name?: string | null, handler?: Handler | null): void {
    if (name && handler) this.#handlers.get(name)?.delete(handler);
  }

  send(message: ToKernel): void {
    if (this.broken) throw this.broken;
    this.sent.push(message);
    this.onSend(message, this);
  }

  /** Let the kernel say something. */
  say(message: FromKernel): void {
    this.emit("msg:custom", message);
  }

  emit(name: string, message?: unknown): void {
    for (const handler of this.#handlers.get(name) ?? []) handler(message);
  }

  /** How many listeners are left. */
  get listening(): number {
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }
}

/** A model whose kernel says what was recorded, as soon as a page says hello. */
export function replay(recorded: Recorded): FakeModel {
  return new FakeModel(recorded.summary, (message, model) => {
    if (message.type === "hello") for (const said of recorded.messages) model.say(said);
    if (message.type !== "action" || message.action !== "details") return;
    const { actionId, page } = message;
    const data = recorded.details[message.jobs[0] ?? ""];
    model.say(
      data
        ? { type: "reply", actionId, page, ok: true, data }
        : { type: "reply", actionId, page, ok: false, error: "This job is not known." },
    );
  });
}
