import { beforeEach, expect, test, vi } from "vitest";
import { followingOf, type Following } from "../src/following.ts";
import type { LogLine } from "../src/types.ts";

const asked: [string | null, number][] = [];
let following: Following;

beforeEach(() => {
  asked.length = 0;
  following = followingOf((job, after) => void asked.push([job, after]));
});

const linesOf = (...seqs: number[]): LogLine[] =>
  seqs.map((seq) => ({ seq, time: null, stream: "stdout", text: `line ${seq}` }));
const take = (job: string, ...seqs: number[]): void =>
  following.take({ job, lines: linesOf(...seqs), ended: false });

/** What a follower got: its lines' numbers. */
function followed(job: string): [number[], () => void] {
  const got: number[] = [];
  const stop = following.follow(job, (lines) => void got.push(...lines.map(({ seq }) => seq)));
  return [got, stop];
}

test("a follower asks, gets its job's lines, and asks for no more when it stops", () => {
  const [got, stop] = followed("a");
  take("a", 5, 6);
  take("b", 7);
  take("a", 7);
  stop();
  take("a", 8);

  expect(got).toEqual([5, 6, 7]);
  expect(asked).toEqual([
    ["a", 0],
    [null, 0],
  ]);
});

test("lines that come twice are handed on once", () => {
  const [got] = followed("a");

  take("a", 1, 2);
  take("a", 2, 3);

  expect(got).toEqual([1, 2, 3]);
});

test("where lines are missing they are asked for; those that the kernel lost, too, are left out", () => {
  const [got] = followed("a");
  take("a", 1, 2);

  take("a", 5, 6);
  expect([got, asked.at(-1)]).toEqual([
    [1, 2],
    ["a", 2],
  ]);
  take("a", 4, 5, 6);

  expect(got).toEqual([1, 2, 4, 5, 6]);
  expect(asked).toHaveLength(2);
});

test("after a break it goes on where it was", () => {
  followed("a");
  take("a", 1, 2);

  following.resume();

  expect(asked.at(-1)).toEqual(["a", 2]);
});

test("with nobody who follows there is nothing to resume", () => {
  following.resume();
  following.follow(null, vi.fn())();

  expect(asked).toEqual([]);
});

test("the latest follower is served, and when it stops, the one before goes on", () => {
  const [first] = followed("a");
  take("a", 1, 2);
  const [second, stop] = followed("b");
  take("b", 1);

  stop();
  take("a", 3);

  expect([first, second]).toEqual([[1, 2, 3], [1]]);
  expect(asked).toEqual([
    ["a", 0],
    ["b", 0],
    ["a", 2],
  ]);
});

test("two views of one log have it both, each from its beginning", () => {
  const [first] = followed("a");
  take("a", 1, 2);
  const [second] = followed("a");

  take("a", 1, 2, 3);

  expect([first, second]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

test("the end is told", () => {
  const onLines = vi.fn();
  following.follow("a", onLines);

  following.take({ job: "a", lines: [], ended: true });

  expect(onLines).toHaveBeenCalledWith([], true);
});
