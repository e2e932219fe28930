import { describe, expect, test } from "vitest";
import { ALL, matches, type Choice, type SortKey } from "../src/choice.ts";
import { fraction, isFailure, isLive, label } from "../src/format.ts";
import { compareRows, natural, RANKS, stem } from "../src/order.ts";
import { MANY, outlineOf, type Outline, type Group, type Line } from "../src/outline.ts";
import { storeOf, type JobStore } from "../src/store.ts";
import type { Row, RowPatch, Status } from "../src/types.ts";
import { manyRows } from "./many.ts";
import { rowOf } from "./rows.ts";

const choiceOf = (given: Partial<Choice>): Choice => ({ ...ALL, ...given });

function showing(rows: Partial<Row>[], given: Partial<Choice> = {}): [Outline, JobStore] {
  const store = storeOf();
  store.replace(rows.map(rowOf));
  const outline = outlineOf(store);
  outline.set(choiceOf(given));
  outline.update();
  return [outline, store];
}

/** What a line says, in short: groups by title and number, jobs by their key, indented in a group. */
const say = (line: Line): string =>
  line.kind === "job"
    ? `${"  ".repeat(line.depth)}${line.key}`
    : `${line.kind} ${line.title} ${line.group.total}`;

const linesOf = (outline: Outline): string[] => outline.slice(0, outline.count).map(say);

const groupOf = (outline: Outline, key: string): Group => {
  const line = outline.lineAt(outline.indexOf(key));
  if (line.kind === "job") throw new Error(`${key} is a job`);
  return line.group;
};

const failed = (id: string, finishedAt: number, failure: string | null = null): Partial<Row> => ({
  ...{ id, finishedAt, failure },
  status: "FAILED",
});
const running = (id: string, more: Partial<Row> = {}): Partial<Row> => ({ id, ...more });

describe("trouble first", () => {
  test("jobs of one failure are a folded group, newest failure first, single ones between", () => {
    const [outline] = showing([
      running("r", { startedAt: 1 }),
      failed("a1", 10, "ValueError"),
      failed("b", 20, "KeyError"),
      failed("a2", 30, "ValueError"),
      failed("c", 5),
      failed("d", 4),
    ]);

    expect(linesOf(outline)).toEqual(["failure ValueError 2", "b", "c", "d", "r"]);
  });

  test("unfolded, its jobs follow it, newest first", () => {
    const [outline] = showing([failed("a1", 10, "V"), failed("a2", 30, "V"), failed("b", 20)], {
      unfolded: new Set(["failure:V"]),
    });

    expect(linesOf(outline)).toEqual(["failure V 2", "  a2", "  a1", "b"]);
    expect(groupOf(outline, "failure:V")).toMatchObject({ fold: false, title: "V" });
    expect(groupOf(outline, "failure:V").example.id).toBe("a2");
  });

  test("a filter for failures keeps the groups, a sorted column does not", () => {
    const rows = [failed("a1", 10, "V"), failed("a2", 30, "V"), running("r")];
    const [outline] = showing(rows, { statuses: new Set<Status>(["FAILED", "LOST"]) });
    expect(linesOf(outline)).toEqual(["failure V 2"]);

    outline.set(choiceOf({ sort: { key: "time", down: true } }));
    outline.update();

    expect(linesOf(outline)).toEqual(["r", "a2", "a1"]);
  });

  test("a group that loses all but one is that job", () => {
    const [outline, store] = showing([failed("a1", 10, "V"), failed("a2", 30, "V")]);

    store.drop(["a2"]);
    outline.update();

    expect(linesOf(outline)).toEqual(["a1"]);
  });
});

describe("groups", () => {
  const batch = [
    running("s2", { name: "sweep #2", startedAt: 2, progress: 0.5, createdAt: 2 }),
    running("s1", { name: "sweep #1", startedAt: 1, createdAt: 1 }),
    { id: "c1", name: "clean #1", status: "SUCCEEDED", finishedAt: 1, createdAt: 3 },
    { id: "c2", name: "clean #2", status: "SUCCEEDED", finishedAt: 2, createdAt: 4 },
    failed("c3", 3),
    running("lone", { name: "lone" }),
  ] as Partial<Row>[];
  const named = batch.map((row) => (row.id === "c3" ? { ...row, name: "clean #3" } : row));

  test("by name are those of a batch, with live jobs first; a job alone is no group", () => {
    const [outline] = showing(named, { groupBy: "name" });

    expect(linesOf(outline)).toEqual(["c3", "group sweep 2", "group clean 3", "lone"]);
    expect(outline.groupedBy).toBe("name");
  });

  test("tell all of their jobs, and show those that do not stand on top already", () => {
    const [outline] = showing(named, { groupBy: "name", unfolded: new Set(["name:clean"]) });

    const clean = groupOf(outline, "name:clean");
    expect(linesOf(outline)).toEqual([
      "c3",
      "group sweep 2",
      "group clean 3",
      "  c2",
      "  c1",
      "lone",
    ]);
    expect(clean.ids().sort()).toEqual(["c1", "c2", "c3"]);
    expect(clean).toMatchObject({
      ...{ counts: { SUCCEEDED: 2, FAILED: 1 }, finished: 3, progress: null, fold: false },
    });
    expect(clean.example.id).toBe("c2");
    expect(groupOf(outline, "name:sweep")).toMatchObject({ progress: 0.25, finished: 0 });
  });

  test("by tag have a job in each of its tags, and those without in one of their own", () => {
    const [outline] = showing(
      [
        running("a", { tags: ["x", "y", "x"], startedAt: 1 }),
        running("b", { tags: ["y"], startedAt: 2 }),
        running("c", { tags: ["x"], startedAt: 3 }),
        running("d", { tags: [], startedAt: 4 }),
        running("e", { startedAt: 5 }),
      ],
      { groupBy: "tag", unfolded: new Set(["tag:x", "tag:y", "tag:"]) },
    );

    expect(linesOf(outline)).toEqual([
      ...[
        "group no tag 2",
        "  d",
        "  e",
        "group x 2",
        "  a",
        "  c",
        "group y 2",
        "  a@tag:y",
        "  b",
      ],
    ]);
    expect(outline.shown).toBe(5);
  });

  test("of a tag that is called like nothing are not those without one", () => {
    const [outline] = showing(
      [..."ab"].map((id) => running(id, { tags: ["no tag"] })).concat(running("c"), running("d")),
      { groupBy: "tag" },
    );

    expect(linesOf(outline)).toEqual(["group no tag 2", "group no tag 2"]);
  });

  test("are made by themselves where there are many jobs, unless a column is sorted", () => {
    const rows = manyRows(MANY + 1).map((row) => ({ ...row, status: "RUNNING" as const }));
    const [outline, store] = showing(rows);
    expect(linesOf(outline)).toEqual(["group sweep a 67", "group sweep b 67", "group sweep c 67"]);

    outline.set(choiceOf({ sort: { key: "name", down: false } }));
    outline.update();
    expect(outline.count).toBe(MANY + 1);
    outline.set(ALL);
    store.drop(["job-00000"]);
    outline.update();

    expect([outline.count, outline.groupedBy]).toEqual([MANY, "none"]);
  });

  test("keep their object while nothing in them changed", () => {
    const [outline, store] = showing(named, { groupBy: "name" });
    const before = groupOf(outline, "name:sweep");
    const other = groupOf(outline, "name:clean");

    store.patch({ s2: { progress: 0.7 } });
    outline.update();

    expect(groupOf(outline, "name:sweep")).not.toBe(before);
    expect(groupOf(outline, "name:sweep").progress).toBeCloseTo(0.35);
    expect(groupOf(outline, "name:clean")).toBe(other);
  });
});

describe("a sorted column", () => {
  const rows: Partial<Row>[] = [
    { id: "a", name: "job 10", status: "RUNNING", startedAt: 100, progress: 0.5 },
    { id: "b", name: "Job 9", status: "SUCCEEDED", startedAt: 0, finishedAt: 50 },
    { id: "c", name: "alpha", status: "QUEUED", createdAt: 10 },
    { id: "d", name: "beta", status: "FAILED", startedAt: 0, finishedAt: 90, progress: 0.2 },
  ];

  test.each<[SortKey, string]>([
    ["state", "dacb"],
    ["name", "cdba"],
    ["work", "cdab"],
    ["time", "cbda"],
  ])("%s goes up, and down", (key, order) => {
    const [outline] = showing(rows, { sort: { key, down: false } });
    expect(
      outline
        .slice(0, 4)
        .map((line) => line.key)
        .join(""),
    ).toBe(order);

    outline.set(choiceOf({ sort: { key, down: true } }));
    outline.update();

    expect(
      outline
        .slice(0, 4)
        .map((line) => line.key)
        .join(""),
    ).toBe([...order].reverse().join(""));
  });
});

describe("keys", () => {
  test("lead to their lines, and to none when those are folded or unknown", () => {
    const [outline] = showing(
      [
        running("a", { tags: ["x", "y"], startedAt: 1 }),
        running("b", { tags: ["x", "y"], startedAt: 2 }),
        failed("f1", 1, "V"),
        failed("f2", 2, "V"),
      ],
      { groupBy: "tag", unfolded: new Set(["tag:y"]) },
    );

    expect(linesOf(outline)).toEqual([
      ...["failure V 2", "group x 2", "group y 2", "  a@tag:y", "  b@tag:y"],
    ]);
    for (let index = 0; index < outline.count; index += 1)
      expect(outline.indexOf(outline.lineAt(index).key)).toBe(index);
    for (const key of ["a", "f1", "nobody", "tag:z", "a@tag:z", "f1@tag:y"])
      expect(outline.indexOf(key)).toBe(-1);
  });
});

test("update tells whether there is anything new", () => {
  const [outline, store] = showing([running("a")]);
  expect(outline.update()).toBe(false);

  store.patch({ a: { progress: 0.5 } });
  expect([outline.update(), outline.update()]).toEqual([true, false]);
  outline.set(choiceOf({ query: "x" }));

  expect([outline.update(), outline.shown]).toEqual([true, 0]);
});

test("an outline that is closed hears no more", () => {
  const [outline, store] = showing([running("a")]);

  outline.close();
  store.add([rowOf({ id: "b" })]);

  expect([outline.update(), outline.shown]).toEqual([false, 1]);
});

/** The same lines by the shortest way, from nothing. */
function naiveLines(rows: readonly Row[], choice: Choice): string[] {
  const shown = rows.filter((row) => matches(row, choice));
  const { sort, unfolded } = choice;
  const groupBy = choice.groupBy ?? (shown.length > MANY && !sort ? "name" : "none");
  const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const compare = (a: Row, b: Row): number => {
    if (!sort) return compareRows(a, b);
    const rank = RANKS[sort.key];
    const text = (row: Row): string => (sort.key === "name" ? natural(label(row)) : "");
    const by = rank(a) - rank(b) || byText(text(a), text(b));
    return (sort.down ? -by : by) || compareRows(a, b);
  };
  const sorted = [...shown].sort(compare);
  const onTop = sort ? [] : sorted.filter((row) => isFailure(row.status));
  const below = sorted.filter((row) => !onTop.includes(row));
  const lines: string[] = [];

  for (const row of onTop) {
    const same = onTop.filter((other) => row.failure !== null && other.failure === row.failure);
    if (same.length < 2) lines.push(row.id);
    else if (same[0] === row) {
      lines.push(`failure ${row.failure} ${same.length}`);
      if (unfolded.has(`failure:${row.failure}`)) lines.push(...same.map(({ id }) => `  ${id}`));
    }
  }
  if (groupBy === "none") return [...lines, ...below.map(({ id }) => id)];

  const keysOf = (row: Row): string[] =>
    groupBy === "name" ? [stem(label(row))] : row.tags?.length ? [...new Set(row.tags)] : [""];
  const keys = [...new Set(sorted.flatMap(keysOf))].map((key) => ({
    key,
    title: key || "no tag",
    all: sorted.filter((row) => keysOf(row).includes(key)),
    jobs: below.filter((row) => keysOf(row).includes(key)),
  }));
  const groups = keys.filter(({ all, jobs }) => all.length > 1 && jobs.length);
  const live = ({ all }: { all: Row[] }): boolean => all.some((row) => isLive(row.status));
  groups.sort(
    (a, b) => Number(live(b)) - Number(live(a)) || byText(natural(a.title), natural(b.title)),
  );
  const keyIn = (row: Row, key: string): string =>
    keysOf(row)[0] === key ? row.id : `${row.id}@${groupBy}:${key}`;
  for (const { key, title, all, jobs } of groups) {
    lines.push(`group ${title} ${all.length}`);
    if (unfolded.has(`${groupBy}:${key}`)) lines.push(...jobs.map((row) => `  ${keyIn(row, key)}`));
  }
  const alone = keys.filter(({ all, jobs }) => all.length === 1 && jobs.length);
  alone.sort((a, b) => compare(a.jobs[0] as Row, b.jobs[0] as Row));
  return [...lines, ...alone.map(({ key, jobs }) => keyIn(jobs[0] as Row, key))];
}

describe("whatever happens, the lines are those of a fresh start", () => {
  const STATUSES: Status[] = ["QUEUED", "RUNNING", "CANCELLING", "SUCCEEDED", "FAILED", "LOST"];
  const NAMES = ["sweep #1", "sweep #2", "clean #1", "clean", null, "alone 3"];
  const FAILURES = ["ValueError: …", "KeyError", null];
  const QUERIES = ["", "", "swe", "value", "x clean", "job-1"];

  test.each([1, 2, 3, 4, 5, 6])("in story %i", (story) => {
    let seed = story * 7919;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
    const some = <T>(from: readonly T[]): T[] => from.filter(() => random(3) === 0);
    const fields = (): RowPatch => {
      const status = pick(STATUSES);
      const progress = random(2) ? random(100) / 100 : null;
      const failure = isFailure(status) ? pick(FAILURES) : null;
      const moving = { status, failure, startedAt: random(9), finishedAt: random(9) };
      return random(3) ? { progress } : { ...moving, progress };
    };
    const fresh = (): Row =>
      rowOf({
        ...{ id: `job-${random(400)}`, name: pick(NAMES), createdAt: random(9) },
        ...{ tags: random(2) ? some(["x", "y", "z"]) : null, status: "QUEUED" },
        ...fields(),
      });
    const choice = (): Choice => ({
      statuses: new Set(random(2) ? [] : some(STATUSES)),
      query: pick(QUERIES),
      sort: random(2) ? null : { key: pick(["state", "name", "work", "time"]), down: !random(2) },
      groupBy: pick(["none", "name", "tag", null]),
      unfolded: new Set(
        some([
          "name:sweep",
          "name:clean",
          "tag:x",
          "tag:",
          "failure:KeyError",
          "failure:ValueError: …",
        ]),
      ),
    });
    const store = storeOf();
    const outline = outlineOf(store);
    let chosen: Choice = ALL;

    for (let step = 0; step < 60; step += 1) {
      const ids = [...store.rows()].map((row) => row.id);
      const what = random(12);
      if (what === 0) chosen = choice();
      else if (what === 1) chosen = { ...chosen, unfolded: choice().unfolded };
      else if (what === 2) store.drop(some(ids).slice(0, 9));
      else if (what === 3 && !random(4)) store.replace(Array.from({ length: random(300) }, fresh));
      else if (what < 6) store.add(Array.from({ length: random(40) }, fresh));
      else store.patch(Object.fromEntries(some(ids).map((id) => [id, fields()])));
      if (random(3) === 0) continue;
      outline.set(chosen);
      outline.update();

      expect(linesOf(outline)).toEqual(naiveLines([...store.rows()], chosen));
      const matching = [...store.rows()].filter((row) => matches(row, chosen));
      expect(outline.ids().sort()).toEqual(matching.map(({ id }) => id).sort());
      expect(outline.shown).toBe(matching.length);
      for (const [index, line] of outline.slice(0, outline.count).entries()) {
        expect(outline.indexOf(line.key)).toBe(index);
        if (line.kind !== "job") expectTrue(line.group);
      }
    }

    function expectTrue(group: Group): void {
      const rows = group.ids().map((id) => store.get(id) as Row);
      const live = rows.filter((row) => isLive(row.status));
      const part = (row: Row): number => (isLive(row.status) ? (fraction(row) ?? 0) : 1);
      const mean = rows.reduce((sum, row) => sum + part(row), 0) / rows.length;
      expect([group.total, group.finished]).toEqual([rows.length, rows.length - live.length]);
      if (live.length) expect(group.progress).toBeCloseTo(mean);
      else expect(group.progress).toBeNull();
      expect(Object.values(group.counts).reduce((a, b) => a + b, 0)).toBe(rows.length);
    }
  });
});

describe("jobs of one batch", () => {
  const of = (batch: string, count: number, more: Partial<Row> = {}): Partial<Row>[] =>
    Array.from({ length: count }, (_, index) => ({
      ...{ id: `${batch}${index}`, name: `clean #${index}`, batch, startedAt: 10 + index },
      ...more,
    }));
  const over = (finishedAt: number): Partial<Row> => ({ status: "SUCCEEDED", finishedAt });

  test("are one line under their name, with those that are not of it below", () => {
    const [outline] = showing([running("r", { startedAt: 1 }), ...of("b", 21)]);

    expect(linesOf(outline)).toEqual(["group clean 21", "r"]);
    expect(groupOf(outline, "batch:b").fold).toBe(true);
  });

  test("are shown while they are few, until a reader folds them", () => {
    const rows = of("b", 2);

    expect(linesOf(showing(rows)[0])).toEqual(["group clean 2", "  b0", "  b1"]);
    expect(linesOf(showing(rows, { unfolded: new Set(["batch:b"]) })[0])).toEqual([
      "group clean 2",
    ]);
  });

  test("stay a line of their own when there is only one", () => {
    expect(linesOf(showing(of("b", 1))[0])).toEqual(["b0"]);
  });

  test("stand below what is not over when they are, and above what is", () => {
    const [outline, store] = showing([
      { id: "d", ...over(99) },
      running("r"),
      ...of("b", 30, over(50)),
      ...of("c", 30),
    ]);
    expect(linesOf(outline)).toEqual(["group clean 30", "r", "group clean 30", "d"]);
    expect(outline.indexOf("batch:c")).toBe(0);

    store.patch({ r: over(100) });
    outline.update();

    expect(linesOf(outline)).toEqual(["group clean 30", "group clean 30", "r", "d"]);
  });

  test("are groups beside those by name when there are many jobs", () => {
    const single = Array.from({ length: MANY + 1 }, (_, index) => running(`r${index}`));
    const named = single.map((row) => ({ ...row, name: "train" }));
    const [outline] = showing([...named, ...of("b", 30)]);

    expect(linesOf(outline)).toEqual(["group clean 30", `group train ${MANY + 1}`]);
  });

  test.each<Partial<Choice>>([{ groupBy: "none" }, { sort: { key: "time", down: false } }])(
    "are no group where the reader chose %o",
    (choice) => {
      expect(linesOf(showing(of("b", 2), choice)[0]).sort()).toEqual(["b0", "b1"]);
    },
  );

  test("are what the jobs are said to be grouped by, where there are any", () => {
    const [outline, store] = showing([running("r"), ...of("b", 2)]);
    expect(outline.groupedBy).toBe("batch");

    store.drop(["b0", "b1"]);
    outline.update();

    expect(outline.groupedBy).toBe("none");
  });

  test("are groups of a sorted list where the reader chose so", () => {
    const choice: Partial<Choice> = { groupBy: "batch", sort: { key: "time", down: false } };

    expect(linesOf(showing(of("b", 2), choice)[0])).toEqual(["group clean 2", "  b1", "  b0"]);
  });

  test("those that failed stand above, and count in their group", () => {
    const bad = { id: "x", name: "clean #9", batch: "b", ...failed("x", 5) };
    const [outline] = showing([...of("b", 21), bad]);

    expect(linesOf(outline)).toEqual(["x", "group clean 22"]);
    expect(groupOf(outline, "batch:b").counts).toEqual({ RUNNING: 21, FAILED: 1 });
  });
});
