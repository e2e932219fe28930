/** The rules of drawing; with `DOM=preact` they are tried on Preact, which has them too. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Fragment,
  h,
  memo,
  render,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type ComponentChildren,
  type JSX,
} from "../src/dom.ts";

let el: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  el = document.body.appendChild(document.createElement("div"));
});
afterEach(async () => {
  render(null, el);
  el.remove();
  await painted();
  vi.useRealTimers();
});

const draw = (children: ComponentChildren): void => render(children, el);
const html = (): string => el.innerHTML;
const first = (): HTMLElement => el.firstElementChild as HTMLElement;
/** Let microtasks run, but no frame. */
const soon = async (): Promise<void> => {
  await Promise.resolve();
  await Promise.resolve();
};
const painted = (): Promise<unknown> => vi.advanceTimersByTimeAsync(100);

/** A component whose state the test sets. */
function stateful(name: string): {
  View: () => JSX.Element;
  set(value: number): void;
  draws: number;
} {
  const made = {
    draws: 0,
    set: (_value: number): void => undefined,
    View: (): JSX.Element => {
      const [value, set] = useState(0);
      made.set = set;
      made.draws += 1;
      return <b>{`${name}${value}`}</b>;
    },
  };
  return made;
}

describe("children", () => {
  test("are text, numbers, elements, and arrays of them; null, booleans and undefined are nothing", () => {
    draw(
      <p>
        a{1}
        {0}
        {null}
        {undefined}
        {true}
        {false}
        {["b", <i>c</i>, null, ["d"]]}
      </p>,
    );

    expect(html()).toBe("<p>a10b<i>c</i>d</p>");
  });

  test("that are plain objects, as data might bring, draw nothing", () => {
    const data = { type: "img", props: { src: "x" }, key: null } as unknown as ComponentChildren;

    draw(<p>{data}</p>);

    expect(html()).toBe("<p></p>");
  });

  test("are text, whatever it looks like", () => {
    draw(<p>{"<b>&amp;"}</p>);

    expect(el.textContent).toBe("<b>&amp;");
  });

  test("of Fragments and components are their parent's", () => {
    const Two = (): JSX.Element => (
      <>
        <i>1</i>
        <i>2</i>
      </>
    );

    draw(
      <p>
        <Two />
        <>
          <i>3</i>
        </>
        <i>4</i>
      </p>,
    );

    expect(el.textContent).toBe("1234");
    expect(first().children).toHaveLength(4);
  });

  test("come and go where they are written", () => {
    const view = (a: boolean, b: boolean): JSX.Element => (
      <p>
        {a && <i>a</i>}
        <b>m</b>
        {b && "b"}
      </p>
    );
    draw(view(false, false));
    const middle = el.querySelector("b");

    draw(view(true, true));
    expect(html()).toBe("<p><i>a</i><b>m</b>b</p>");
    draw(view(false, true));

    expect(html()).toBe("<p><b>m</b>b</p>");
    expect(el.querySelector("b")).toBe(middle);
  });

  test("that change their type are drawn anew", () => {
    draw(<p>x</p>);
    draw(<pre>x</pre>);
    expect(html()).toBe("<pre>x</pre>");

    draw("text");
    expect(html()).toBe("text");
    draw([<i />, "b"]);

    expect(html()).toBe("<i></i>b");
  });

  test("null takes out all", () => {
    draw(<p>x</p>);

    draw(null);

    expect(html()).toBe("");
  });

  test("what a component draws stands in its place, also when it was nothing before", async () => {
    let show: (shown: boolean) => void = () => undefined;
    const Sometimes = (): JSX.Element | null => {
      const [shown, set] = useState(false);
      show = set;
      return shown ? <i>here</i> : null;
    };
    draw(
      <p>
        <b>1</b>
        <>
          <Sometimes />
        </>
        <b>2</b>
      </p>,
    );

    show(true);
    await soon();
    expect(el.textContent).toBe("1here2");
    show(false);
    await soon();

    expect(el.textContent).toBe("12");
  });
});

describe("keys", () => {
  const list = (keys: string): JSX.Element => (
    <ul>
      {[...keys].map((key) => (
        <li key={key}>{key}</li>
      ))}
    </ul>
  );
  const items = (): Map<string, Element> =>
    new Map([...el.querySelectorAll("li")].map((item) => [item.textContent ?? "", item]));

  test.each([
    ["abcd", "dcba"],
    ["abcd", "bcda"],
    ["abcd", "dabc"],
    ["abcd", "axbycz"],
    ["abcdef", "fd"],
    ["abc", "xyz"],
    ["", "ab"],
    ["ab", ""],
    ["abcdefgh", "hbxdaf"],
  ])("from %s to %s the same stay the same nodes", (before, after) => {
    draw(list(before));
    const old = items();

    draw(list(after));

    expect(el.textContent).toBe(after);
    for (const [key, item] of items()) {
      if (before.includes(key)) expect(item).toBe(old.get(key));
    }
  });

  test("any order comes right", () => {
    let seed = 7;
    const random = (below: number): number =>
      (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    for (let round = 0; round < 200; round += 1) {
      const keys = [..."abcdefghij"].filter(() => random(3)).sort(() => random(3) - 1);
      draw(list(keys.join("")));

      expect(el.textContent).toBe(keys.join(""));
    }
  });

  test("keep the state of components that move", async () => {
    const [a, b] = [stateful("a"), stateful("b")];
    draw([<a.View key="a" />, <b.View key="b" />]);
    a.set(1);
    await soon();

    draw([<b.View key="b" />, <a.View key="a" />]);

    expect(el.textContent).toBe("b0a1");
  });

  test("another key is another component", async () => {
    const a = stateful("a");
    draw(<a.View key="1" />);
    a.set(1);
    await soon();
    expect(el.textContent).toBe("a1");

    draw(<a.View key="2" />);

    expect(el.textContent).toBe("a0");
  });
});

describe("without keys", () => {
  test("state belongs to the place", async () => {
    const [a, b] = [stateful("a"), stateful("b")];
    const view = (shown: boolean): JSX.Element => (
      <p>
        {shown && <i />}
        <a.View />
        <b.View />
      </p>
    );
    draw(view(false));
    a.set(1);
    await soon();

    draw(view(true));

    expect(el.textContent).toBe("a1b0");
  });

  test("a place that was empty takes nothing from its neighbour", () => {
    const view = (shown: boolean): JSX.Element => (
      <div>
        {shown && <p>1</p>}
        <p>2</p>
      </div>
    );
    draw(view(false));
    const second = el.querySelector("p");

    draw(view(true));

    expect(el.textContent).toBe("12");
    expect(el.querySelectorAll("p")[1]).toBe(second);
  });

  test("elements are reused and changed", () => {
    draw(<p class="a">1</p>);
    const node = first();

    draw(<p class="b">2</p>);

    expect(first()).toBe(node);
    expect(html()).toBe(`<p class="b">2</p>`);
  });
});

describe("attributes", () => {
  test("are set, changed and removed", () => {
    draw(<a class="x" title="t" id="i" data-id="1" role="row" aria-label="l" />);
    expect(html()).toBe(`<a class="x" title="t" id="i" data-id="1" role="row" aria-label="l"></a>`);

    draw(<a class="y" data-id="2" />);

    expect([first().className, first().dataset.id, first().title]).toEqual(["y", "2", ""]);
    expect([first().hasAttribute("role"), first().hasAttribute("aria-label")]).toEqual([
      false,
      false,
    ]);
  });

  test("for readers and data have true and false as words, and null takes them away", () => {
    draw(<a aria-expanded={false} aria-hidden={true} data-open={false} />);
    expect(html()).toBe(`<a aria-expanded="false" aria-hidden="true" data-open="false"></a>`);

    draw(<a aria-expanded={undefined} aria-hidden={null as never} />);

    expect(html()).toBe("<a></a>");
  });

  test("that are switches are switched", () => {
    draw(<button disabled={true} hidden={true} />);
    const button = first() as HTMLButtonElement;
    expect([button.disabled, button.hidden]).toEqual([true, true]);

    draw(<button disabled={false} />);

    expect([button.disabled, button.hasAttribute("disabled"), button.hidden]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("tabIndex is the number that it is", () => {
    draw(<input tabIndex={-1} />);

    expect(first().tabIndex).toBe(-1);
  });

  test("an input shows the value that is drawn, also after somebody typed", () => {
    draw(<input value="a" />);
    const input = first() as HTMLInputElement;
    input.value = "ab";

    draw(<input value="a" />);
    expect(input.value).toBe("a");
    draw(<input value="abc" />);

    expect(input.value).toBe("abc");
  });

  test("a select has the value that is drawn with its options", () => {
    draw(
      <select value="b">
        <option value="a">A</option>
        <option value="b">B</option>
      </select>,
    );

    expect((first() as HTMLSelectElement).value).toBe("b");
  });

  test("style is an object; what is no longer in it is taken back", () => {
    draw(<p style={{ height: "10px", flexGrow: 3 }} />);
    const { style } = first();
    expect([style.height, style.flexGrow]).toEqual(["10px", "3"]);

    draw(<p style={{ height: "12px" }} />);
    expect([style.height, style.flexGrow]).toEqual(["12px", ""]);
    draw(<p />);

    expect(style.height).toBe("");
  });

  test("style may be text, too", () => {
    draw(<p style="color: red" />);
    expect(first().style.color).toBe("red");

    draw(<p />);

    expect(first().style.color).toBe("");
  });

  test("children and keys are none", () => {
    draw(<p key="k">x</p>);

    expect(html()).toBe("<p>x</p>");
  });
});

test("what is inside svg is svg, with attributes", () => {
  draw(
    <p>
      <svg class="jj-icon" viewBox="0 0 16 16" aria-hidden="true">
        <circle class="jj-ring" cx="8" stroke-dasharray="2 2" />
      </svg>
      <i />
    </p>,
  );

  const circle = el.querySelector("circle");
  expect(circle?.namespaceURI).toBe("http://www.w3.org/2000/svg");
  expect(circle?.getAttribute("class")).toBe("jj-ring");
  expect(el.querySelector("svg")?.getAttribute("viewBox")).toBe("0 0 16 16");
  expect(el.querySelector("i")?.namespaceURI).toBe("http://www.w3.org/1999/xhtml");
});

test("one element may be drawn in many places", () => {
  const ring = <i class="ring" />;

  draw(
    <p>
      {ring}
      <b>{ring}</b>
    </p>,
  );
  draw(
    <p>
      {ring}
      <b>{ring}x</b>
    </p>,
  );

  expect(html()).toBe(`<p><i class="ring"></i><b><i class="ring"></i>x</b></p>`);
});

describe("events", () => {
  test("are heard by their name in lower case", () => {
    const heard: string[] = [];
    const hear = (event: Event): void => void heard.push(event.type);
    draw(<input onClick={hear} onKeyDown={hear} onFocusIn={hear} onInput={hear} />);

    for (const type of ["click", "keydown", "focusin", "input"])
      first().dispatchEvent(new Event(type));

    expect(heard).toEqual(["click", "keydown", "focusin", "input"]);
  });

  test("reach the handler that was drawn last, and none after it is gone", () => {
    const [one, two] = [vi.fn(), vi.fn()];
    draw(<p onClick={one} />);
    draw(<p onClick={two} />);
    first().click();
    draw(<p />);
    first().click();

    expect([one.mock.calls.length, two.mock.calls.length]).toEqual([0, 1]);
  });

  test("know where they are handled", () => {
    let at: EventTarget | null = null;
    draw(
      <p onClick={(event) => void (at = event.currentTarget)}>
        <b />
      </p>,
    );

    el.querySelector("b")?.click();

    expect(at).toBe(first());
  });

  test("do not reach a handler that came while they went up", () => {
    const outer = vi.fn();
    const view = (open: boolean): JSX.Element => (
      <div {...(open ? { onClick: outer } : {})}>
        <button onClick={() => draw(view(true))} />
      </div>
    );
    draw(view(false));

    el.querySelector("button")?.click();
    expect(outer).not.toHaveBeenCalled();
    el.querySelector("button")?.click();

    expect(outer).toHaveBeenCalledTimes(1);
  });
});

describe("refs", () => {
  test("hold the element when effects run, and null when it is gone", () => {
    const seen: (Element | null)[] = [];
    const called: (string | null)[] = [];
    let kept: { readonly current: Element | null } | undefined;
    const View = ({ shown }: { shown: boolean }): JSX.Element => {
      const ref = useRef<HTMLElement>(null);
      kept = ref;
      useLayoutEffect(() => void seen.push(ref.current));
      return (
        <p>
          {shown && <i ref={ref} />}
          {shown && <b ref={(node) => void called.push(node && node.tagName)} />}
        </p>
      );
    };
    draw(<View shown={true} />);
    expect(seen[0]?.tagName).toBe("I");
    expect(called).toEqual(["B"]);

    draw(<View shown={false} />);

    expect(kept?.current).toBeNull();
    expect(called.at(-1)).toBeNull();
  });

  test("hold any value between drawings", () => {
    const seen: number[] = [];
    const View = (): JSX.Element => {
      const count = useRef(0);
      seen.push((count.current += 1));
      return <p />;
    };

    draw(<View />);
    draw(<View />);

    expect(seen).toEqual([1, 2]);
  });
});

describe("state", () => {
  test("is drawn once for many changes, in a microtask", async () => {
    const a = stateful("a");
    draw(<a.View />);

    a.set(1);
    a.set(2);
    expect(el.textContent).toBe("a0");
    await soon();

    expect([el.textContent, a.draws]).toEqual(["a2", 2]);
  });

  test("that is set to what it is draws nothing", async () => {
    const a = stateful("a");
    draw(<a.View />);

    a.set(0);
    await soon();

    expect(a.draws).toBe(1);
  });

  test("may be computed, first and later", async () => {
    const first = vi.fn(() => 5);
    let set: (next: (before: number) => number) => void = () => undefined;
    const View = (): JSX.Element => {
      const [value, setValue] = useState(first);
      set = setValue;
      return <p>{value}</p>;
    };
    draw(<View />);

    set((before) => before + 1);
    set((before) => before * 2);
    await soon();

    expect(el.textContent).toBe("12");
    expect(first).toHaveBeenCalledTimes(1);
  });

  test("of a parent and its child are drawn in one go, the child once", async () => {
    let setOuter: (value: number) => void = () => undefined;
    let setInner: (value: number) => void = () => undefined;
    const draws: string[] = [];
    const Inner = ({ outer }: { outer: number }): JSX.Element => {
      const [inner, set] = useState(0);
      setInner = set;
      draws.push(`${outer}/${inner}`);
      return <b>{`${outer}/${inner}`}</b>;
    };
    const Outer = (): JSX.Element => {
      const [outer, set] = useState(0);
      setOuter = set;
      return <Inner outer={outer} />;
    };
    draw(<Outer />);

    setInner(1);
    setOuter(1);
    await soon();

    expect(draws).toEqual(["0/0", "1/1"]);
  });

  test("of what is gone changes nothing", async () => {
    const a = stateful("a");
    draw(<a.View />);
    draw(null);

    a.set(1);
    await soon();

    expect([html(), a.draws]).toEqual(["", 1]);
  });

  test("that a layout effect sets is there before the next frame", async () => {
    const View = (): JSX.Element => {
      const [height, set] = useState(0);
      useLayoutEffect(() => set(7), []);
      return <p>{height}</p>;
    };

    draw(<View />);
    await soon();

    expect(el.textContent).toBe("7");
  });
});

describe("memo", () => {
  test("draws again only when a prop is another value", () => {
    const drawn = vi.fn();
    const View = memo((props: { a: number; b?: string }) => {
      drawn();
      return <p>{props.a + (props.b ?? "")}</p>;
    });
    draw(<View a={1} b="x" />);
    draw(<View a={1} b="x" />);
    expect(drawn).toHaveBeenCalledTimes(1);

    draw(<View a={2} b="x" />);

    expect(el.textContent).toBe("2x");
    expect(drawn).toHaveBeenCalledTimes(2);
  });

  test("does not keep a component's own state from being drawn", async () => {
    let set: (value: number) => void = () => undefined;
    const View = memo((_props: { a: number }) => {
      const [value, setValue] = useState(0);
      set = setValue;
      return <p>{value}</p>;
    });
    draw(<View a={1} />);

    set(3);
    draw(<View a={1} />);
    await soon();

    expect(el.textContent).toBe("3");
  });
});

describe("effects", () => {
  const log: string[] = [];
  beforeEach(() => void (log.length = 0));

  const Noted = (props: {
    name: string;
    on?: unknown;
    children?: ComponentChildren;
  }): JSX.Element => {
    const { name, on, children } = props;
    useLayoutEffect(() => {
      log.push(`${name} layout ${el.isConnected && !!el.firstChild}`);
      return () => void log.push(`${name} layout off`);
    }, [on]);
    useEffect(() => {
      log.push(`${name} effect`);
      return () => void log.push(`${name} effect off`);
    }, [on]);
    return <p>{children}</p>;
  };

  test("for the layout run at once, children first; the others after the paint", async () => {
    draw(
      <Noted name="a">
        <Noted name="b" />
      </Noted>,
    );
    expect(log).toEqual(["b layout true", "a layout true"]);

    await painted();

    expect(log.slice(2)).toEqual(["b effect", "a effect"]);
  });

  test("run again when what they depend on changes, after their cleanup", async () => {
    draw(<Noted name="a" on={1} />);
    await painted();
    draw(<Noted name="a" on={1} />);
    await painted();
    expect(log).toHaveLength(2);
    log.length = 0;

    draw(<Noted name="a" on={2} />);
    await painted();

    expect(log).toEqual(["a layout off", "a layout true", "a effect off", "a effect"]);
  });

  test("without dependencies run each time", () => {
    const run = vi.fn();
    const View = (): JSX.Element => {
      useLayoutEffect(run);
      return <p />;
    };

    draw(<View />);
    draw(<View />);

    expect(run).toHaveBeenCalledTimes(2);
  });

  test("that wait for the paint run before the next drawing at the latest", () => {
    draw(<Noted name="a" on={1} />);

    draw(<Noted name="a" on={2} />);

    expect(log.indexOf("a effect")).toBeGreaterThan(-1);
    expect(log.indexOf("a effect")).toBeLessThan(log.indexOf("a layout off"));
  });

  test("run also when nothing is painted", async () => {
    vi.stubGlobal("requestAnimationFrame", () => 0);
    draw(<Noted name="a" />);

    await painted();
    vi.unstubAllGlobals();

    expect(log).toContain("a effect");
  });

  test("clean up when their component goes", async () => {
    draw(
      <Noted name="a">
        <Noted name="b" />
      </Noted>,
    );
    await painted();
    log.length = 0;

    draw(null);
    await painted();

    expect(log.sort()).toEqual([
      ...["a effect off", "a layout off", "b effect off", "b layout off"],
    ]);
  });

  test("of what went before the paint never run", async () => {
    draw(<Noted name="a" />);
    draw(null);
    await painted();

    expect(log).not.toContain("a effect");
  });
});

test("a component that throws is heard of, and the next drawing works", () => {
  const Broken = (): JSX.Element => {
    throw new Error("broken");
  };
  expect(() => draw(<Broken />)).toThrow("broken");

  draw(<p>fine</p>);

  expect(el.textContent).toBe("fine");
});
