import { afterEach, beforeEach, expect, test } from "vitest";
import type { RowPatch } from "../../src/types.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
let seq = 1;
beforeEach(async () => {
  panel = await mount(["a", "b", "c", "d"].map((id) => rowOf({ id })));
  seq = 1;
});
afterEach(() => panel.unmount());

async function happens(jobs: Record<string, RowPatch>, then = 100): Promise<void> {
  panel.model.say({ type: "patch", seq: (seq += 1), jobs });
  await panel.pass(then);
}
const heard = (): string[] => ["status", "alert"].map((role) => panel.one(role).textContent ?? "");

test("nothing is said of what was there before", () => {
  expect(heard()).toEqual(["", ""]);
});

test("what happened is summed up, at most every ten seconds", async () => {
  await happens({ a: { status: "SUCCEEDED" } });
  expect(heard()).toEqual(["Jobs: 1 succeeded, 3 to go.", ""]);

  await happens({ b: { status: "SUCCEEDED" } }, 5000);
  await happens({ c: { status: "CANCELLED" } }, 4000);
  expect(heard()).toEqual(["Jobs: 1 succeeded, 3 to go.", ""]);
  await panel.pass(2000);

  expect(heard()).toEqual(["Jobs: 1 succeeded, 1 cancelled, 1 to go.", ""]);
});

test("a failure is said at once, and says that all is over when it is", async () => {
  await happens({ a: { status: "SUCCEEDED" } }, 3000);

  await happens({ b: { status: "FAILED" } });
  expect(heard()).toEqual(["", "Jobs: 1 failed, 2 to go."]);
  await panel.pass(3000);
  await happens({ c: { status: "LOST" }, d: { status: "SUCCEEDED" } });

  expect(heard()).toEqual(["", "Jobs: 1 lost, 1 succeeded, all are over."]);
});

test("progress is nothing to speak of", async () => {
  await happens({ a: { progress: 0.5, message: "half" } }, 20_000);

  expect(heard()).toEqual(["", ""]);
});

test("a lost connection is said at once, and that it is back", async () => {
  const connection = {
    state: "reconnecting" as const,
    detail: "",
    retryAt: null,
    attempt: 1,
    asOf: 0,
  };
  panel.model.say({ type: "patch", seq: (seq += 1), connection });
  await panel.pass(100);
  expect(heard()).toEqual(["", "Jobs: reconnecting."]);

  panel.model.say({
    type: "patch",
    seq: (seq += 1),
    connection: { ...connection, state: "connected" },
  });
  await panel.pass(11_000);

  expect(heard()).toEqual(["Jobs: live.", ""]);
});
