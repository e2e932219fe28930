/** Long jobs for the demo page: what they measure, when they end, what they wait for, what they belong to. */

import type { Chart, Details, Row } from "./src/types.ts";
import type { Recorded } from "./tests/fake_model.ts";
import { NOW, recordedOf } from "./tests/many.ts";
import { rowOf } from "./tests/rows.ts";

const MINUTE = 60_000;

/** A falling, or with a negative `fall` a rising, number with some noise. */
function chart(label: string, fall: number, seed = 1): Chart {
  const points = Array.from({ length: 24 }, (_, x) => {
    const noise = Math.sin(x * 12.9898 * seed) * 0.7;
    const y = fall > 0 ? 13 - 11 * Math.exp(-x / (8 / fall)) : 1 + 11 * Math.exp(x / (8 * fall));
    return `${((x * 48) / 23).toPrecision(3)},${Math.min(13, Math.max(1, y + noise)).toPrecision(3)}`;
  });
  return [label, points.join(" ")];
}

const loss = chart("loss 0.2143", 1);
const LONG: Row[] = [
  rowOf({
    ...{ id: "long-train", name: "train", kind: "FUNCTION", request: "train(plants, epochs=40)" },
    ...{ status: "RUNNING", progress: 0.61, done: 6100, total: 10_000 },
    ...{ message: "epoch 25 of 40", metric: loss, attempt: 2 },
    ...{ createdAt: NOW - 13 * MINUTE, startedAt: NOW - 12 * MINUTE, endsAt: NOW + 8 * MINUTE },
  }),
  rowOf({
    ...{ id: "long-slow", name: "embed images", kind: "FUNCTION", request: "embed('raw/')" },
    ...{ status: "RUNNING", progress: 0.34, done: 340, total: 1000, message: "batch 34" },
    ...{ slow: [NOW - MINUTE, "usually 50s to 1m10s"], endsAt: NOW + 4 * MINUTE },
    ...{ createdAt: NOW - 3 * MINUTE, startedAt: NOW - 2 * MINUTE },
  }),
  rowOf({
    ...{ id: "long-anneal", name: "anneal", kind: "FUNCTION", request: "anneal(state)" },
    ...{ status: "RUNNING", metric: chart("energy -76.16", 0.5, 3), message: "sweep 812" },
    ...{ createdAt: NOW - 2 * MINUTE, startedAt: NOW - MINUTE },
  }),
  rowOf({
    ...{ id: "long-there", name: "prepare", kind: "FUNCTION", request: "prepare('2026-11')" },
    ...{ status: "RUNNING", attached: true, message: "unpacking" },
    ...{ createdAt: NOW - 2 * MINUTE, startedAt: NOW - 2 * MINUTE },
  }),
  rowOf({
    ...{ id: "long-report", name: "report.ipynb", kind: "NOTEBOOK", request: "report.ipynb" },
    ...{ status: "QUEUED", message: "after prepare, train", createdAt: NOW - 90_000 },
  }),
  rowOf({
    ...{ id: "long-fetch", name: "fetch weather", kind: "COMMAND", request: "fetch.sh" },
    ...{ status: "QUEUED", message: "run 2 of 3 in 4 s", createdAt: NOW - 50_000 },
  }),
  rowOf({
    ...{ id: "long-done", name: "features", kind: "FUNCTION", request: "features()" },
    ...{ status: "SUCCEEDED", metric: chart("f1 0.883", -1, 2), attached: true },
    ...{ createdAt: NOW - 30 * MINUTE, startedAt: NOW - 29 * MINUTE },
    finishedAt: NOW - 21 * MINUTE,
  }),
];

const TRAIN: Details = {
  pairs: [
    ["submitted", NOW - 13 * MINUTE],
    ["from", "train.ipynb, cell 5"],
    ["started", NOW - 12 * MINUTE],
    ["called as", { code: "train(plants, epochs=40)" }],
    ["params", { code: '{\n  "lr": 0.0003,\n  "batch": 128\n}' }],
    ["rules", "time limit 30 min · 3 retries · 2 CPUs"],
    ["usual", "18m to 22m, from 12 earlier runs"],
    ["after", "prepare (succeeded)"],
    ["key", { code: "train-2026-11" }],
    [
      "history",
      [
        ["run 1 failed after 3m12s: OSError: [Errno 28] No space left on device", null],
        ["run 2 runs since 14:02", null],
      ],
    ],
    [
      "files",
      [
        ["checkpoint-24.pt · 128 MB", "/home/ada/plants/.jobs/train/checkpoint-24.pt"],
        ["confusion_matrix.png · 84 kB", "/home/ada/plants/.jobs/train/confusion_matrix.png"],
        ["and 22 more", null],
      ],
    ],
    ["id", { code: "01KAP3Q9X01VT7M5C8W2R4ZD0" }],
  ],
  charts: [loss, chart("accuracy 0.931", -1), chart("lr 0.0003", 0.6, 5)],
  error: null,
  log: ["epoch 24/40  loss 0.2161  acc 0.930", "epoch 25/40  loss 0.2143  acc 0.931"],
  attempts: [
    {
      ...{ id: "a", attempt: 1, status: "FAILED", startedAt: NOW - 20 * MINUTE },
      ...{ finishedAt: NOW - 16 * MINUTE, error: "OSError: [Errno 28] No space left on device" },
    },
    {
      ...{ id: "b", attempt: 2, status: "RUNNING", startedAt: NOW - 12 * MINUTE },
      ...{ finishedAt: null, error: null },
    },
  ],
  version: 9,
};

/** Jobs that take their time, and one of them in full. */
export const long: Recorded = { ...recordedOf(LONG), details: { "long-train": TRAIN } };

function mapped(batch: string, count: number, name: string, running: number): Row[] {
  return Array.from({ length: count }, (_, index) => {
    const place = index - (count * 2) / 3;
    const status = place < 0 ? "SUCCEEDED" : place < running ? "RUNNING" : "QUEUED";
    const startedAt = status === "QUEUED" ? null : NOW - (count - index) * 4000;
    return rowOf({
      ...{ id: `${batch}-${index}`, name: `${name} #${index + 1}`, kind: "FUNCTION", batch },
      ...{ status, createdAt: NOW - 10 * MINUTE, startedAt },
      progress: status === "RUNNING" ? 0.4 : null,
      finishedAt: status === "SUCCEEDED" ? NOW - (count - index) * 3000 : null,
    });
  });
}

/** Two maps, one of them small, and some jobs beside them. */
export const batch: Recorded = recordedOf([
  ...LONG.slice(1, 3),
  ...mapped("sweep", 120, "simulate", 4),
  ...mapped("few", 3, "clean", 1),
]);
