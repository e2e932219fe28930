import { expect, test } from "vitest";
import { framesOf, isLibrary } from "../../src/panel/traceback.tsx";

const OWN = `  File "/home/ada/clean.py", line 41, in parse\n    day = read(text)\n          ^^^^^^^^^^`;
const LIBRARY = `  File "/usr/lib/python3.11/json/decoder.py", line 355, in decode\n    raise ValueError`;
const SITE = `  File "/venv/lib/site-packages/pandas/io.py", line 9, in read\n    return load(text)`;

test("the call nearest to the error comes first, each with its place and its line", () => {
  const text = `Traceback (most recent call last):\n${OWN}\n${SITE}\n${LIBRARY}\nValueError: bad\n`;

  const frames = framesOf(text);

  expect(frames.map((frame) => frame.place)).toEqual(["decoder.py:355", "io.py:9", "clean.py:41"]);
  expect(frames[2]).toMatchObject({ name: "parse", source: "day = read(text)" });
  expect(frames.map(isLibrary)).toEqual([true, true, false]);
});

test("of a chain of errors the last one's calls count", () => {
  const text = `Traceback (most recent call last):\n${SITE}\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n${OWN}\nValueError: y`;

  expect(framesOf(text).map((frame) => frame.place)).toEqual(["clean.py:41"]);
});

test("a traceback of IPython is understood, with the line that it points at, and without its colours", () => {
  const text = [
    "\x1b[31mValueError\x1b[0m    Traceback (most recent call last)",
    "Cell \x1b[32mIn[3], line 2\x1b[0m",
    "      1 days = load()",
    "----> 2 clean(days)",
    "File ~/clean.py:41, in clean(days)",
    "     40 def clean(days):",
    "---> 41     return parse(days)",
    "File <frozen importlib._bootstrap>:1176, in _find(name)",
    "ValueError: z",
  ].join("\n");

  const frames = framesOf(text);

  expect(frames.map(isLibrary)).toEqual([true, false, false]);
  expect(frames[1]).toMatchObject({ place: "clean.py:41", source: "return parse(days)" });
  expect(frames[2]).toMatchObject({ place: "Cell In[3]:2", source: "clean(days)" });
});

test("a function of a notebook is said to stand in a cell", () => {
  const text = `  File "/tmp/ipykernel_4711/123.py", line 3, in clean\nKeyError: 1`;

  expect(framesOf(text)[0]?.place).toBe("cell:3");
});

test("what is no traceback has no frames", () => {
  expect(framesOf("exit code 3")).toEqual([]);
});
