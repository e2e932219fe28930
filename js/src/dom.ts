/**
 * How the panel draws: elements by JSX, components that are functions, and the few hooks that they need.
 *
 * The names and the semantics are Preact's, in a tenth of its size; its types describe the elements.
 *
 * What JSX makes is a `VNode`: a wish, never changed. What stands in the page is a tree of instances, each with the
 * vnode that it was last drawn from. Drawing compares wishes with instances, child by child: those of one type and key
 * stay and change, the others are mounted or unmounted. Components and Fragments have no node of their own, so the
 * nodes of an element's children are brought into order when all of them are drawn, with as few moves as possible.
 * After each drawing the refs are set and the layout effects run, children first; effects run after the next paint.
 */

import type { ComponentChildren, JSX, JSX as PreactJSX } from "preact";

export type { ComponentChildren, JSX };

type Props = Record<string, any>; // what JSX hands over is checked where the JSX is written
type Component = ((props: any) => unknown) & { memo?: true };
type Ref = { current: unknown } | ((node: unknown) => void) | null | undefined;
type Cleanup = void | (() => void);

// A class, so that an object which came from elsewhere is never taken for one.
class VNode {
  declare type: string | Component;
  declare props: any;
  declare key: unknown;
  declare ref: Ref;
  /** @param type "": text, which `props` holds. */
  constructor(type: string | Component, props: unknown, key?: unknown, ref?: Ref) {
    this.type = type;
    this.props = props;
    this.key = key;
    this.ref = ref;
  }
}

/** What a hook keeps for its place in its component. */
interface Slot {
  value?: unknown;
  set?: (next: unknown) => void;
  deps?: readonly unknown[] | undefined;
  run?: () => Cleanup;
  cleanup?: Cleanup;
}

interface Instance {
  parent: Instance | null;
  depth: number;
  isSvg: boolean;
  /** What it was last drawn from; null when it is gone. */
  vnode?: VNode | null;
  /** Its element or text; components have none. */
  node?: ChildNode;
  kids: (Instance | null | undefined)[];
  slots: Slot[];
  layouts: Slot[];
  effects: Slot[];
  isQueued?: boolean;
}

const instanceIn = (parent: Instance | null, isSvg: boolean): Instance => {
  const depth = parent ? parent.depth + 1 : 0;
  return { parent, depth, isSvg, kids: [], slots: [], layouts: [], effects: [] };
};

/** What JSX is compiled to. */
export function h(
  type: string | Component,
  given: Props | null,
  ...children: unknown[]
): JSX.Element {
  const props: Props = {};
  for (const name in given) if (name !== "key" && name !== "ref") props[name] = given[name];
  if (children.length) props.children = children.length > 1 ? children : children[0];
  return new VNode(type, props, given?.key, given?.ref) as unknown as JSX.Element;
}

// Where TypeScript looks for what JSX may say.
export declare namespace h {
  namespace JSX {
    type Element = PreactJSX.Element;
    interface IntrinsicElements extends PreactJSX.IntrinsicElements {}
    interface IntrinsicAttributes extends PreactJSX.IntrinsicAttributes {}
    interface ElementChildrenAttribute extends PreactJSX.ElementChildrenAttribute {}
  }
}

/** Children without an element around them. */
export const Fragment = (props: { children?: ComponentChildren }): JSX.Element =>
  props.children as unknown as JSX.Element;

/** Draw a component again only when one of its props is another value. */
export function memo<P extends object>(
  draw: (props: P) => JSX.Element | null,
): (props: P & { key?: string | number }) => JSX.Element {
  (draw as Component).memo = true;
  return draw as never;
}

const roots = new WeakMap<Element, Instance>();

/** Draw into an element; null takes everything out again. */
export function render(children: ComponentChildren, element: Element): void {
  const root = roots.get(element) ?? instanceIn(null, false);
  roots.set(element, root);
  root.node = element;
  drawKids(root, children);
  arrange(root);
  commit();
}

function draw(instance: Instance, vnode: VNode): void {
  const before = instance.vnode;
  if (before === vnode) return;
  instance.vnode = vnode;
  const { type, props, ref } = vnode;
  if (typeof type === "function") {
    if (!before || !type.memo || !isSame(before.props, props)) drawComponent(instance);
  } else if (type) {
    const space = `http://www.w3.org/${instance.isSvg ? "2000/svg" : "1999/xhtml"}`;
    const node = (instance.node ??= document.createElementNS(space, type)) as Element;
    const known = changes;
    drawKids(instance, props.children);
    if (changes > known) arrange(instance);
    setProps(node, props, before?.props ?? {});
    if (ref !== before?.ref) {
      setRef(before?.ref, null);
      tasks.unshift(() => setRef(ref, node));
    }
  } else if (!before) instance.node = document.createTextNode(props);
  else if (before.props !== props) (instance.node as Text).data = props;
}

function drawComponent(instance: Instance): void {
  const { vnode, layouts, effects } = instance;
  instance.isQueued = false;
  perform(effects);
  [current, slot] = [instance, 0];
  drawKids(instance, (vnode?.type as Component)(vnode?.props));
  if (layouts.length) tasks.push(() => perform(layouts));
  if (effects.length && painted.push(instance) === 1) {
    requestAnimationFrame(() => setTimeout(runEffects));
    setTimeout(runEffects, UNPAINTED_MS);
  }
}

/** How many nodes came, or changed places. */
let changes = 0;

function drawKids(instance: Instance, children: unknown): void {
  const { kids, isSvg } = instance;
  const vnodes = (Array.isArray(children) ? children : [children]).map(vnodeOf);
  let next = 0;
  instance.kids = vnodes.map((vnode) => {
    const at = vnode ? find(kids, vnode, next) : next;
    if (at < 0) return null;
    if (at < next) changes += 1;
    next = at + 1;
    const kid = vnode && kids[at];
    if (kid) kids[at] = undefined;
    return kid;
  });
  for (const kid of kids) if (kid) unmount(kid, true);
  vnodes.forEach((vnode, index) => {
    if (!vnode) return;
    if (!instance.kids[index]) changes += 1;
    draw((instance.kids[index] ??= instanceIn(instance, isSvg || vnode.type === "svg")), vnode);
  });
}

function vnodeOf(child: unknown): VNode | null {
  if (child instanceof VNode) return child;
  if (Array.isArray(child)) return new VNode(Fragment, { children: child });
  const isText = typeof child === "string" || typeof child === "number";
  return isText ? new VNode("", `${child}`) : null;
}

/** Where the child stands that is to become `vnode`: next in line, else anywhere; -1: it is new. */
function find(kids: Instance["kids"], { type, key }: VNode, next: number): number {
  const fits = (kid: Instance | null | undefined): boolean =>
    kid?.vnode?.type === type && kid.vnode.key == key;
  const isEmpty = kids[next] === null && key == null;
  return isEmpty || fits(kids[next]) ? next : kids.findIndex(fits);
}

function unmount(instance: Instance, removes: boolean): void {
  const { vnode, node, kids, slots } = instance;
  for (const kid of kids) if (kid) unmount(kid, removes && !node);
  for (const { cleanup } of slots) cleanup?.();
  setRef(vnode?.ref, null);
  instance.vnode = null;
  if (removes) node?.remove();
}

const nodesOf = (instance: Instance): ChildNode[] =>
  instance.kids.flatMap((kid) => (kid ? (kid.node ?? nodesOf(kid)) : []));

/** Put the nodes of an element's children where they belong. */
function arrange(instance: Instance): void {
  const parent = instance.node as Element;
  const nodes = nodesOf(instance);
  const isThere = (node: ChildNode, index: number): boolean =>
    node.parentNode === parent && (!index || nodes[index - 1]?.nextSibling === node);
  if (nodes.every(isThere)) return;
  const staying = stayersOf(parent, nodes);
  let next: ChildNode | null = null;
  for (const node of nodes.reverse()) {
    if (!staying.includes(node)) parent.insertBefore(node, next);
    next = node;
  }
}

/** Nodes that follow each other now as they shall. */
interface Run {
  nodes: ChildNode[];
  /** Where the last of them stands. */
  place: number;
  weight: number;
}

const heavier = (a: Run, b: Run): Run => (b.weight > a.weight ? b : a);

/** The heaviest run; what has the keyboard outweighs all others. */
function stayersOf(parent: Element, nodes: readonly ChildNode[]): readonly ChildNode[] {
  const present = [...parent.childNodes];
  const { activeElement } = parent.getRootNode() as Document;
  const runs: Run[] = [{ nodes: [], place: -1, weight: 0 }];
  for (const node of nodes) {
    const place = present.indexOf(node);
    if (place < 0) continue;
    const before = runs.filter((run) => run.place < place).reduce(heavier);
    const weight = before.weight + (node.contains(activeElement) ? nodes.length : 1);
    runs.push({ nodes: [...before.nodes, node], place, weight });
  }
  return runs.reduce(heavier).nodes;
}

interface Listener {
  handler?: ((event: Event) => void) | undefined;
  /** When it was set, on the clock of events. */
  since?: number;
}

type Live = Element & Props & { jjListeners?: Record<string, Listener> };

function setProps(node: Live, props: Props, before: Props): void {
  for (const name in before) if (!(name in props)) setProp(node, name, null, before[name]);
  for (const name in props) {
    const isInput = name === "value";
    const was = isInput ? node[name] : before[name];
    if (props[name] !== was) setProp(node, name, props[name], was);
  }
}

// The attributes that are said most often: a bundle may have shorter keys for them.
const ATTRIBUTES: Readonly<Record<string, string>> = {
  class: "class",
  role: "role",
  tabIndex: "tabindex",
  "aria-label": "aria-label",
  "aria-hidden": "aria-hidden",
  "aria-pressed": "aria-pressed",
};

function setProp(node: Live, name: string, value: any, before: any): void {
  const attribute = ATTRIBUTES[name] ?? name;
  const isWord = attribute[4] === "-"; // aria-, data-: "false" is said
  if (name === "children") return;
  if (name === "value") node[name] = value ?? "";
  else if (typeof (value ?? before) === "object") setStyle(node.style, value, before);
  else if (name.startsWith("on")) listen(node, name, value);
  else if (value == null || (value === false && !isWord)) node.removeAttribute(attribute);
  else node.setAttribute(attribute, value === true && !isWord ? "" : value);
}

function setStyle(style: CSSStyleDeclaration & Props, value: Props | null, before: Props): void {
  for (const name in { ...before, ...value }) {
    const text = value?.[name] ?? "";
    if (text !== before?.[name]) style[name as "color"] = text;
  }
}

// An event that made the panel draw goes on to bubble: a handler that was set meanwhile is not meant.
let clock = 0;

function listen(node: Live, name: string, handler: Listener["handler"]): void {
  const listeners = (node.jjListeners ??= {});
  let mine = listeners[name] as Listener;
  if (!mine) {
    listeners[name] = mine = {};
    node.addEventListener(name.slice(2).toLowerCase(), (event: Event & { jjAt?: number }) => {
      event.jjAt ??= clock++;
      if (event.jjAt >= (mine.since as number)) mine.handler?.(event);
    });
  }
  if (!mine.handler) mine.since = clock;
  mine.handler = handler;
}

let current: Instance | null = null;
let slot = 0;

const nextSlot = (): Slot => ((current as Instance).slots[slot++] ??= {});

export function useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void] {
  const instance = current as Instance;
  const mine = nextSlot();
  if (!mine.set) {
    mine.value = typeof initial === "function" ? (initial as () => T)() : initial;
    mine.set = (next) => {
      const value = typeof next === "function" ? next(mine.value) : next;
      if (value === mine.value) return;
      mine.value = value;
      enqueue(instance);
    };
  }
  return [mine.value as T, mine.set];
}

export function useRef<T>(initial: T): { current: T };
export function useRef<T>(initial: T | null): { readonly current: T | null };
export function useRef<T>(initial: T): { current: T } {
  return useState({ current: initial })[0];
}

/** Run after the page has changed, before it is painted. */
export function useLayoutEffect(run: () => Cleanup, deps?: readonly unknown[]): void {
  useRunning("layouts", run, deps);
}

/** Run after the page is painted, at the latest before the component is drawn again. */
export function useEffect(run: () => Cleanup, deps?: readonly unknown[]): void {
  useRunning("effects", run, deps);
}

function useRunning(
  kind: "layouts" | "effects",
  run: () => Cleanup,
  deps?: readonly unknown[],
): void {
  const mine = nextSlot();
  if (deps && mine.deps && isSame(deps, mine.deps)) return;
  mine.deps = deps;
  mine.run = run;
  (current as Instance)[kind].push(mine);
}

function isSame(a: any, b: any): boolean {
  for (const name in a) if (a[name] !== b[name]) return false;
  for (const name in b) if (!(name in a)) return false;
  return true;
}

function perform(slots: Slot[]): void {
  for (const due of slots.splice(0)) {
    due.cleanup?.();
    due.cleanup = due.run?.();
  }
}

/** What is done when all is drawn. */
const tasks: (() => void)[] = [];
const queue: Instance[] = [];
/** Those whose effects wait for the paint. */
const painted: Instance[] = [];
// A page out of sight paints nothing, so there is a limit to the waiting.
const UNPAINTED_MS = 35;

function setRef(ref: Ref, node: unknown): void {
  if (typeof ref === "function") ref(node);
  else if (ref) ref.current = node;
}

function commit(): void {
  for (const task of tasks.splice(0)) task();
}

function runEffects(): void {
  for (const { effects, vnode } of painted.splice(0)) if (vnode) perform(effects);
}

function enqueue(instance: Instance): void {
  if (instance.isQueued) return;
  instance.isQueued = true;
  if (queue.push(instance) === 1) queueMicrotask(flush);
}

function flush(): void {
  for (const instance of queue.splice(0).sort((a, b) => a.depth - b.depth)) {
    if (!instance.isQueued || !instance.vnode) continue;
    drawComponent(instance);
    let host = instance;
    while (!host.node) host = host.parent as Instance;
    arrange(host);
    commit();
  }
}
