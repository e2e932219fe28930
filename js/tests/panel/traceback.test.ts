import { expect, test } from "vitest";
import { partsOf } from "../../src/panel/traceback.tsx";

const OWN = `  File "/home/ada/clean.py", line 41, in parse\n    day = read(text)`;
const LIBRARY = `  File "/usr/lib/python3.11/json/decoder.py", line 355, in decode\n    raise ValueError`;
const SITE = `  File "/venv/lib/site-packages/pandas/io.py", line 9, in read\n    return load(text)`;

test("frames of libraries that follow each other are one part, and the rest stays in order", () => {
  const text = `Traceback (most recent call last):\n${OWN}\n${SITE}\n${LIBRARY}\nValueError: bad\n`;

  const parts = partsOf(text);

  expect(parts.map((part) => part.library)).toEqual([0, 2, 0]);
  expect(parts[0]?.text).toBe(`Traceback (most recent call last):\n${OWN}`);
  expect(parts.map((part) => part.text).join("\n")).toBe(text.trimEnd());
});

test("a chain of errors keeps its sentences between the frames", () => {
  const text = `${SITE}\nKeyError: 'x'\n\nDuring handling of the above exception:\n\n${OWN}\nValueError: y`;

  const parts = partsOf(text);

  expect(parts.map((part) => part.library)).toEqual([1, 0]);
  expect(parts[1]?.text).toContain("KeyError: 'x'");
});

test("frames as IPython writes them are understood, colours are not shown", () => {
  const text =
    "\x1b[31mFile \x1b[32m<frozen importlib._bootstrap>, line 1176, in _find\x1b[0m\nOSError: z";

  expect(partsOf(text).map((part) => part.library)).toEqual([1, 0]);
});

test("what is no traceback is one part", () => {
  expect(partsOf("exit code 3")).toEqual([{ text: "exit code 3", library: 0 }]);
});
