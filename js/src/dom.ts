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
type Ref = { current: unknown } | ((node: Element | null) => void) | null | undefined;
type Cleanup = void | (() => void);

// A class, so that an object which came from elsewhere is never taken for one.
class VNode {
  constructor(
    /** "": text, which `props` holds. */
    readonly type: string | Component,
    readonly props: any,
    readonly key?: unknown,
    readonly ref?: Ref,
  ) {}
}

/** What a hook keeps for its place in its component. */
interface Slot {
  value?: unknown;
  set?: (next: unknown) => void;
  deps?: readonly unknown[] | undefined;
  run?: () => Cleanup;
  cleanup?: Cleanup;
}

class Instance {
  vnode: VNode | null = null;
  node: ChildNode | null = null;
  kids: (Instance | null)[] = [];
  slots: Slot[] = [];
  layouts: Slot[] = [];
  effects: Slot[] = [];
  isQueued = false;
  isGone = false;
  isTaken = false;
  readonly depth: number;

  constructor(
    readonly parent: Instance | null,
    readonly isSvg: boolean,
  ) {
    this.depth = parent ? parent.depth + 1 : 0;
  }
}

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
  const component: Component = (props: P) => draw(props);
  component.memo = true;
  return component as never;
}

const roots = new WeakMap<Element, Instance>();

/** Draw into an element; null takes everything out again. */
export function render(children: ComponentChildren, element: Element): void {
  let root = roots.get(element);
  if (!root) {
    root = new Instance(null, false);
    root.node = element;
    roots.set(element, root);
  }
  drawKids(root, children);
  arrange(root);
  commit();
}

// ---- drawing ----

function draw(instance: Instance, vnode: VNode): void {
  const before = instance.vnode;
  if (before === vnode) return;
  instance.vnode = vnode;
  const { type, props, ref } = vnode;
  if (typeof type === "function") {
    if (!before || !type.memo || !isSame(before.props, props)) drawComponent(instance);
  } else if (type) {
    const node = (instance.node ??= instance.isSvg
      ? document.createElementNS("http://www.w3.org/2000/svg", type)
      : document.createElement(type)) as Element;
    drawKids(instance, props.children);
    arrange(instance);
    setProps(node, props, before?.props ?? {}, instance.isSvg);
    if (ref !== before?.ref) {
      setRef(before?.ref, null);
      if (ref) refs.push(() => setRef(ref, node));
    }
  } else if (!before) instance.node = document.createTextNode(props);
  else if (before.props !== props) (instance.node as Text).data = props;
}

function drawComponent(instance: Instance): void {
  instance.isQueued = false;
  perform(instance.effects);
  const { type, props } = instance.vnode as VNode;
  const outer = [current, slot] as const;
  [current, slot] = [instance, 0];
  let children: unknown;
  try {
    children = (type as Component)(props);
  } finally {
    [current, slot] = outer;
  }
  drawKids(instance, children);
  if (instance.layouts.length) drawn.push(instance);
  if (instance.effects.length && painted.push(instance) === 1) afterPaint();
}

function drawKids(instance: Instance, children: unknown): void {
  const before = instance.kids;
  for (const kid of before) if (kid) kid.isTaken = false;
  let next = 0;
  const vnodes = (Array.isArray(children) ? children : [children]).map(vnodeOf);
  instance.kids = vnodes.map((vnode) => {
    const at = vnode ? find(before, vnode, next) : next;
    if (at >= 0) next = at + 1;
    const kid = vnode && before[at];
    if (kid) kid.isTaken = true;
    return kid || null;
  });
  for (const kid of before) if (kid && !kid.isTaken) unmount(kid, true);
  for (const [index, vnode] of vnodes.entries()) {
    if (!vnode) continue;
    const isSvg = vnode.type === "svg" || instance.isSvg;
    draw((instance.kids[index] ??= new Instance(instance, isSvg)), vnode);
  }
}

function vnodeOf(child: unknown): VNode | null {
  if (child instanceof VNode) return child;
  if (Array.isArray(child)) return new VNode(Fragment, { children: child });
  return typeof child === "string" || typeof child === "number" ? new VNode("", `${child}`) : null;
}

/** The child that is to become `vnode`: the next in line, else the nearest before it, else after it; -1 for none. */
function find(kids: readonly (Instance | null)[], { type, key }: VNode, next: number): number {
  const fits = (at: number): boolean => {
    const kid = kids[at];
    return !!kid && !kid.isTaken && kid.vnode?.type === type && kid.vnode.key == key;
  };
  if (fits(next) || (kids[next] === null && key == null)) return next;
  for (let at = next - 1; at >= 0; at -= 1) if (fits(at)) return at;
  for (let at = next + 1; at < kids.length; at += 1) if (fits(at)) return at;
  return -1;
}

function unmount(instance: Instance, removes: boolean): void {
  const { vnode, node, kids, slots } = instance;
  for (const kid of kids) if (kid) unmount(kid, removes && !node);
  instance.isGone = true;
  for (const { cleanup } of slots) cleanup?.();
  setRef(vnode?.ref, null);
  if (removes) node?.remove();
}

// ---- order ----

function nodesOf({ kids }: Instance, nodes: ChildNode[] = []): ChildNode[] {
  for (const kid of kids) {
    if (kid?.node) nodes.push(kid.node);
    else if (kid) nodesOf(kid, nodes);
  }
  return nodes;
}

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
    if (!staying.has(node)) parent.insertBefore(node, next);
    next = node;
  }
}

/** The heaviest of those whose order is right already; what has the keyboard outweighs all others. */
function stayersOf(parent: Element, nodes: readonly ChildNode[]): Set<ChildNode> {
  const places = new Map([...parent.childNodes].map((node, place) => [node, place]));
  const kept = nodes.filter((node) => places.has(node));
  const placeOf = (index: number): number => places.get(kept[index] as ChildNode) as number;
  if (kept.every((_, index) => !index || placeOf(index - 1) < placeOf(index))) return new Set(kept);
  const focused = (parent.getRootNode() as Document | ShadowRoot).activeElement;
  const weights: number[] = [];
  const before: number[] = [];
  let best = 0;
  for (const [index, node] of kept.entries()) {
    let weight = 0;
    before[index] = -1;
    for (let other = 0; other < index; other += 1) {
      if (placeOf(other) < placeOf(index) && (weights[other] as number) > weight) {
        weight = weights[other] as number;
        before[index] = other;
      }
    }
    weights[index] = weight + (focused && node.contains(focused) ? kept.length : 1);
    if (weights[index] > (weights[best] as number)) best = index;
  }
  const staying = new Set<ChildNode>();
  for (let index = best; index >= 0; index = before[index] as number)
    staying.add(kept[index] as ChildNode);
  return staying;
}

// ---- attributes and events ----

type Live = Element & {
  jjOn?: Record<string, ((event: Event) => void) | undefined>;
  jjSince?: Record<string, number>;
} & Props;

function setProps(node: Live, props: Props, before: Props, isSvg: boolean): void {
  for (const name in before) if (!(name in props)) setProp(node, name, null, before[name], isSvg);
  for (const name in props) {
    const isInput = name === "value" || name === "checked";
    const was = isInput ? node[name] : before[name];
    if (props[name] !== was) setProp(node, name, props[name], before[name], isSvg);
  }
}

// These do as properties what they should not: throw, or take text for a number.
const ATTRIBUTES = /^(width|height|href|list|form|tabIndex|role)$/;

function setProp(node: Live, name: string, value: any, before: any, isSvg: boolean): void {
  if (name === "children") return;
  if (name === "style") setStyle((node as unknown as HTMLElement).style, value, before);
  else if (name.startsWith("on")) listen(node, name.slice(2).toLowerCase(), value);
  else {
    const isProperty = !isSvg && !ATTRIBUTES.test(name) && name in node;
    if (isProperty) node[name] = value ?? "";
    if (value == null || (value === false && name[4] !== "-" && !isProperty))
      node.removeAttribute(name);
    else if (!isProperty) node.setAttribute(name, value === true && name[4] !== "-" ? "" : value);
  }
}

function setStyle(style: CSSStyleDeclaration, value: any, before: any): void {
  if (typeof value === "string" || typeof before === "string") {
    style.cssText = typeof value === "string" ? value : "";
    before = null;
  }
  if (typeof value === "string") return;
  for (const name in { ...before, ...value }) {
    const text = value?.[name] ?? "";
    if (text === before?.[name]) continue;
    if (name.startsWith("--")) style.setProperty(name, text);
    else (style as unknown as Props)[name] = text;
  }
}

// An event that made the panel draw goes on to bubble: a handler that was set meanwhile is not meant.
let clock = 0;

function listen(node: Live, type: string, handler: ((event: Event) => void) | undefined): void {
  const handlers = (node.jjOn ??= {});
  if (!handlers[type] !== !handler) {
    (node.jjSince ??= {})[type] = clock;
    if (handler) node.addEventListener(type, handle);
    else node.removeEventListener(type, handle);
  }
  handlers[type] = handler;
}

function handle(this: Live, event: Event & { jjAt?: number }): void {
  event.jjAt ??= clock++;
  if (event.jjAt >= (this.jjSince?.[event.type] ?? 0)) this.jjOn?.[event.type]?.(event);
}

// ---- hooks ----

let current: Instance | null = null;
let slot = 0;

function nextSlot(): [Instance, Slot] {
  const instance = current as Instance;
  return [instance, (instance.slots[slot++] ??= {})];
}

export function useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void] {
  const [instance, mine] = nextSlot();
  if (!mine.set) {
    mine.value = typeof initial === "function" ? (initial as () => T)() : initial;
    mine.set = (next) => {
      const value = typeof next === "function" ? next(mine.value) : next;
      if (Object.is(value, mine.value)) return;
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
  const [instance, mine] = nextSlot();
  if (deps && mine.deps && isSame(deps, mine.deps)) return;
  mine.deps = deps;
  mine.run = run;
  instance[kind].push(mine);
}

const isSame = (a: any, b: any): boolean => {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
};

function perform(slots: Slot[]): void {
  const due = slots.splice(0);
  for (const each of due) {
    each.cleanup?.();
    each.cleanup = undefined;
  }
  for (const each of due) each.cleanup = each.run?.();
}

// ---- when ----

const refs: (() => void)[] = [];
const drawn: Instance[] = [];
const queue: Instance[] = [];
const painted: Instance[] = [];

function setRef(ref: Ref, node: Element | null): void {
  if (typeof ref === "function") ref(node);
  else if (ref) ref.current = node;
}

function commit(): void {
  for (const set of refs.splice(0)) set();
  for (const { layouts } of drawn.splice(0)) perform(layouts);
}

function enqueue(instance: Instance): void {
  if (instance.isQueued || instance.isGone) return;
  instance.isQueued = true;
  if (queue.push(instance) === 1) queueMicrotask(flush);
}

function flush(): void {
  const due = queue.splice(0).sort((a, b) => a.depth - b.depth);
  for (const instance of due) {
    if (!instance.isQueued || instance.isGone) continue;
    drawComponent(instance);
    let host = instance.parent;
    while (host && !host.node) host = host.parent;
    if (host) arrange(host);
    commit();
  }
}

// A page out of sight paints nothing, so there is a limit to the waiting.
const UNPAINTED_MS = 35;

function afterPaint(): void {
  const done = (): void => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    setTimeout(() => {
      for (const { effects, isGone } of painted.splice(0)) if (!isGone) perform(effects);
    });
  };
  const timer = setTimeout(done, UNPAINTED_MS);
  const frame = requestAnimationFrame(done);
}
