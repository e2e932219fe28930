/** What `src/dom.ts` does better than Preact: it moves as few nodes as possible, and never the one with the keyboard. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  h,
  render,
  useEffect,
  useLayoutEffect,
  type ComponentChildren,
  type JSX,
} from "../src/dom.ts";

let el: HTMLElement;

beforeEach(() => {
  el = document.body.appendChild(document.createElement("div"));
});
afterEach(() => {
  render(null, el);
  el.remove();
});

const draw = (children: ComponentChildren): void => render(children, el);

const list = (keys: string): JSX.Element => (
  <ul>
    {[...keys].map((key) => (
      <li key={key}>{key}</li>
    ))}
  </ul>
);

/** The nodes that are put into the list while `act` draws. */
function movedBy(act: () => void): string {
  const put = vi.spyOn(el.firstElementChild as Element, "insertBefore");
  act();
  return put.mock.calls
    .map(([node]) => node.textContent)
    .sort()
    .join("");
}

test.each([
  ["abcdef", "fabcde", "f"],
  ["abcdef", "bcdefa", "a"],
  ["abcdef", "abxcdef", "x"],
  ["abcdef", "bcdefg", "g"],
  ["abcdef", "dbcaef", "ad"],
  ["abcdef", "abcdef", ""],
])("from %s to %s only %s moves", (before, after, moved) => {
  draw(list(before));

  expect(movedBy(() => draw(list(after)))).toBe(moved);
  expect(el.textContent).toBe(after);
});

test("what has the keyboard keeps it while all around it moves", () => {
  const fields = (keys: string): JSX.Element => (
    <div>
      {[...keys].map((key) => (
        <p key={key}>
          <input id={key} />
        </p>
      ))}
    </div>
  );
  draw(fields("abcd"));
  const input = el.querySelector<HTMLElement>("#d");
  input?.focus();
  const lost = vi.fn();
  input?.addEventListener("blur", lost);

  draw(fields("xdcabz"));

  expect([...el.querySelectorAll("input")].map(({ id }) => id).join("")).toBe("xdcabz");
  expect(document.activeElement).toBe(input);
  expect(lost).not.toHaveBeenCalled();
});

test("what goes is cleaned up from the inside", () => {
  const log: string[] = [];
  const Noted = (props: { name: string; children?: ComponentChildren }): JSX.Element => {
    useLayoutEffect(() => () => void log.push(`${props.name} layout`), []);
    useEffect(() => () => void log.push(`${props.name} effect`), []);
    return <p>{props.children}</p>;
  };
  draw(
    <Noted name="a">
      <Noted name="b" />
    </Noted>,
  );

  draw(null);

  expect(log).toEqual(["b layout", "a layout"]);
});
