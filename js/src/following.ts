/** The logs that views of a page follow. The kernel sends one at a time: that of the latest follower. */

import type { FromKernel, LogLine } from "./types.ts";

export type OnLines = (lines: readonly LogLine[], ended: boolean) => void;

interface Follower {
  job: string;
  onLines: OnLines;
  /** The last line that it has. */
  after: number;
  /** Where a line was missing and was asked for: if it still is, the kernel has not got it either. */
  asked: number;
}

export interface Following {
  /** Hand on a job's lines, from those that the kernel has kept, until the function that this returns is called. */
  follow(job: string | null, onLines: OnLines): () => void;
  take(message: Pick<FromKernel & { type: "log" }, "job" | "lines" | "ended">): void;
  /** Ask for what may have been missed. */
  resume(): void;
}

/** @param ask Tells the kernel which job to follow, from which line on; null for none. */
export function followingOf(ask: (job: string | null, after: number) => void): Following {
  let followers: readonly Follower[] = [];
  const latest = (): Follower | undefined => followers.at(-1);
  const say = (): void => ask(latest()?.job ?? null, latest()?.after ?? 0);

  return {
    follow(job, onLines) {
      if (job === null) return () => undefined;
      const follower = { job, onLines, after: 0, asked: 0 };
      followers = [...followers, follower];
      say();
      return () => {
        const wasLatest = latest() === follower;
        followers = followers.filter((other) => other !== follower);
        if (wasLatest) say();
      };
    },
    take({ job, lines, ended }) {
      for (const follower of followers.filter((each) => each.job === job)) {
        const { after, asked } = follower;
        const fresh = lines.filter((line) => line.seq > after);
        if (asked !== after && fresh[0] && fresh[0].seq > after + 1) {
          follower.asked = after;
          say();
        } else {
          follower.after = fresh.at(-1)?.seq ?? after;
          follower.onLines(fresh, ended);
        }
      }
    },
    resume() {
      if (latest()) say();
    },
  };
}
