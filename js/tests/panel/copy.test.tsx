import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { h, render } from "../../src/dom.ts";
import { CopyButton, copyText } from "../../src/panel/copy.tsx";

let el: HTMLElement;
beforeEach(() => {
  vi.useFakeTimers();
  el = document.body.appendChild(document.createElement("div"));
});
afterEach(() => {
  render(null, el);
  el.remove();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const withClipboard = (writeText: (text: string) => Promise<void>): void => {
  vi.stubGlobal("navigator", { clipboard: { writeText } });
};
const button = (): HTMLButtonElement => el.querySelector("button") as HTMLButtonElement;
async function press(): Promise<void> {
  button().click();
  await vi.advanceTimersByTimeAsync(50);
}

test("a copy says that it was made, for a moment", async () => {
  const writeText = vi.fn(() => Promise.resolve());
  withClipboard(writeText);
  render(<CopyButton label="Copy id" text={() => "abc"} />, el);

  await press();
  expect(writeText).toHaveBeenCalledWith("abc");
  expect(button().textContent).toBe("Copied");
  await vi.advanceTimersByTimeAsync(3000);

  expect(button().textContent).toBe("Copy id");
});

test("where the clipboard is forbidden the text is shown, selected", async () => {
  withClipboard(() => Promise.reject(new Error("denied")));
  render(<CopyButton label="Copy id" text={() => "abc"} />, el);

  await press();

  expect(el.querySelector("pre")?.textContent).toBe("abc");
  expect(getSelection()?.toString()).toBe("abc");
});

test("what cannot be had says why", async () => {
  withClipboard(() => Promise.resolve());
  const refusal = (): Promise<string> => Promise.reject(new Error("A notebook has no call."));
  render(<CopyButton label="Copy repro" text={refusal} />, el);

  await press();

  expect(el.querySelector("pre")?.textContent).toBe("A notebook has no call.");
  expect(button().textContent).toBe("Copy repro");
});

test("a page without https shows the text, selected", async () => {
  vi.stubGlobal("navigator", {});
  render(<CopyButton label="Copy id" text={() => "abc"} />, el);

  await press();

  expect(getSelection()?.toString()).toContain("abc");
  await expect(copyText("abc")).rejects.toThrow();
});
