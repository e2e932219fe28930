/** The keyboard of the panel. A key that is handled stops here, else the notebook would act on it too. */

import { isFailure, STATUSES } from "../format.ts";
import { rowTop } from "../order.ts";
import type { Verb } from "../types.ts";
import { begin, can, idsFor, verbOf } from "./asking.tsx";
import { copyText } from "./copy.tsx";
import { toggleGroup, verbsOf } from "./group.tsx";
import { MOST_ROWS } from "./list.tsx";
import { showAll } from "./toolbar.tsx";
import type { PartProps } from "./view.ts";

// A button, a field or a scrolling text that has the keyboard does these by itself.
const NATIVE = /^(Enter| |Arrow.*|Home|End|Page.*)$/;

export function onKey(
  event: KeyboardEvent & { currentTarget: HTMLElement },
  { view, outline }: Pick<PartProps, "view" | "outline">,
): void {
  const { ui, bridge } = view;
  const { asking, help, writing, open, focused, choice, rowHeight, drawerHeight } = ui.now;
  const { currentTarget: root, ctrlKey, metaKey, altKey, shiftKey } = event;
  // With these it is the notebook's: Shift+Enter runs the cell.
  if (ctrlKey || metaKey || altKey || (shiftKey && event.key.length > 1)) return;
  const key = event.key.length > 1 ? event.key : event.key.toLowerCase();
  const target = event.target as HTMLElement;
  const list = root.querySelector<HTMLElement>(".jj-list");
  const search = root.querySelector<HTMLInputElement>(".jj-search");
  const isField = target.matches("input, select, textarea");
  const isLine = target.dataset.key !== undefined || target === list;
  const at = focused === null ? -1 : outline.indexOf(focused);
  const line = at < 0 ? null : outline.lineAt(at);
  const job = line?.kind === "job" ? line : null;
  const group = line && line.kind !== "job" ? line.group : null;

  const go = (to: number): void => {
    const index = Math.max(0, Math.min(to, outline.count - 1));
    if (!list || !outline.count) return;
    const openIndex = open === null ? -1 : outline.indexOf(open);
    const top = rowTop(index, { rowHeight, openIndex, drawerHeight });
    const least = top + rowHeight - list.clientHeight;
    list.scrollTop = Math.min(top, Math.max(least, list.scrollTop));
    const { scrollTop } = list;
    ui.set({ scrollTop, focused: outline.lineAt(index).key, wantsFocus: true });
  };
  const toggle = (): void => {
    if (group) toggleGroup(view, group);
    else if (job) ui.toggleOpen(job.key);
  };
  const isOpen = group ? !group.fold : job?.key === open;
  const act = (verb: Verb): void => {
    if (job && verbOf(view, job.row) === verb) begin(view, verb, [job.id], job.key);
    if (group && verbsOf(view, group).includes(verb))
      begin(view, verb, idsFor(view, group, verb), group.key);
  };
  const parent = (): void => {
    let above = at;
    while (job?.depth && outline.lineAt(above).kind === "job") above -= 1;
    go(above);
  };
  const onLine: Readonly<Record<string, () => unknown>> = {
    ArrowDown: () => go(at + 1),
    ArrowUp: () => go(at - 1),
    PageDown: () => go(at + MOST_ROWS - 1),
    PageUp: () => go(at - MOST_ROWS + 1),
    Home: () => go(0),
    End: () => go(Infinity),
    Enter: toggle,
    " ": toggle,
    ArrowRight: () => isOpen || toggle(),
    ArrowLeft: () => (isOpen ? toggle() : parent()),
    x: () => act("cancel"),
    r: () => act("retry"),
    c: () => job && copyText(job.id).catch(() => undefined),
    l: () => {
      if (group && !isOpen) toggle();
      if (line) ui.set({ open: line.key, tab: "log", asking: null });
    },
  };
  const anywhere: typeof onLine = {
    "/": () => (search ? search.focus() : false),
    f: () => {
      const { counts } = bridge.store;
      const there = STATUSES.filter((status) => isFailure(status) && counts[status]);
      ui.choose({ statuses: new Set(there) });
    },
    a: () => showAll(view),
    n: () => can(view, "submit") && ui.set({ writing: true }),
    "?": () => ui.set({ help: !help }),
  };
  // From what came last to what was there before; nothing left: the key is the notebook's.
  const leave = (): unknown => {
    if (asking) ui.set({ asking: null });
    else if (help) ui.set({ help: false });
    else if (writing) ui.set({ writing: false });
    else if (target !== search && open !== null) ui.set({ open: null });
    else if (target === search || choice.query) ui.choose({ query: "" });
    else return false;
    ui.set({ wantsFocus: true });
  };

  const does =
    key === "Escape" ? leave : (isLine && onLine[key]) || (isField ? undefined : anywhere[key]);
  if (does && does() !== false) event.preventDefault();
  else if (!isField && (isLine || !NATIVE.test(key))) return;
  event.stopPropagation();
}
