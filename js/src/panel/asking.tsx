/** Acting on jobs: what may be done, the question before it, and what came of it. */

import { Fragment, h, type JSX } from "../dom.ts";
import { actWords } from "../columns.tsx";
import { grouped } from "../format.ts";
import type { Group } from "../outline.ts";
import { STATES } from "../states.tsx";
import type { Ability, Row, Status, Verb } from "../types.ts";
import type { ActState } from "../ui_state.ts";
import { Button } from "./parts.tsx";
import type { View } from "./view.ts";

/** Whether anybody is there who can do it. */
export const can = <Asked extends Ability>(
  { bridge }: View,
  verb: Asked | null | undefined,
): verb is Asked => !!verb && bridge.can(verb);

/** What jobs of all these states have in common that one can do about them. */
export function verbFor(view: View, statuses: Iterable<Status>): Verb | null {
  const [verb, ...others] = new Set([...statuses].map((status) => STATES[status].verb));
  return !others.length && can(view, verb) ? verb : null;
}

/** The same for one job, while it is not being done. */
export function verbOf(view: View, { id, status }: Row): Verb | null {
  const act = view.ui.now.acts.get(id);
  return act && act.phase !== "refused" ? null : verbFor(view, [status]);
}

/**
 * Retry at once, ask before a cancel.
 * @param key Of the line that asks; null for the toolbar.
 */
export function begin({ bridge, ui }: View, verb: Verb, ids: string[], key: string | null): void {
  if (verb === "retry") bridge.act(ui, verb, ids);
  else ui.set({ asking: { key, verb, ids } });
}

/** The job, or those of a group that the verb is for. */
export const idsFor = ({ bridge: { store } }: View, of: string | Group, verb: Verb): string[] =>
  typeof of === "string"
    ? [of]
    : of.ids().filter((id) => STATES[store.get(id)?.status ?? "CANCELLING"].verb === verb);

/** What buttons say. */
export const WORDS = { cancel: "Cancel", retry: "Retry" };

/** What a button says that acts on so many jobs. */
export const verbLabel = (verb: Verb, count: number): string =>
  `${WORDS[verb]} ${count > 1 ? `these ${grouped(count)}` : "it"}`;

/** The question, in the line or the toolbar that it is about. */
export function Confirm({ view, what }: { view: View; what?: string }): JSX.Element | null {
  const { ui, bridge } = view;
  if (!ui.now.asking) return null;
  const { verb, ids, key } = ui.now.asking;
  const jobs = ids.length > 1 ? `${grouped(ids.length)} jobs` : "job";
  const end = (): void => ui.set({ asking: null, wantsFocus: key !== null });
  return (
    <>
      <span class="jj-question">
        {WORDS[verb]} {what ?? `these ${jobs}`}?
      </span>
      <Button
        class="jj-button jj-danger"
        first
        does={() => {
          end();
          bridge.act(ui, verb, ids);
        }}
      >
        {WORDS[verb]} {jobs}
      </Button>
      <Button does={end}>Keep</Button>
    </>
  );
}

/** What became of clicks on many jobs, in a few words; "" when there is nothing to tell. */
export function actsTold(acts: ReadonlyMap<string, ActState>, ids: () => string[]): string {
  const told = new Map<string, [ActState, number]>();
  for (const id of acts.size ? ids() : []) {
    const act = acts.get(id);
    if (act) told.set(actWords(act), [act, (told.get(actWords(act))?.[1] ?? 0) + 1]);
  }
  return [...told.values()].map(([act, count]) => actWords(act, count)).join(" · ");
}
