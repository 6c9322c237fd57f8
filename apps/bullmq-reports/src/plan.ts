import { QUEUES, type QueueName } from "./messages.ts";

const TOPICS = ["sales", "returns", "stock", "payroll", "margin", "visits", "delays", "churn"];
const REGIONS = ["north", "south", "east", "west", "total"];
/** How long a service goes on asking, ms: longer than a report takes, so that some requests come when it is there. */
const ASKING_MS = 3_000;
/** Requests are for one of so many reports, the newest included. */
const CURRENT = 10;

export const REPORTS: readonly string[] = TOPICS.flatMap((topic) =>
  REGIONS.map((region) => `${topic}-${region}`),
);
export const REQUESTS = 500;
const EACH = REQUESTS / QUEUES.length;

/** A request for a report, ms after the start. */
export interface Request {
  readonly at: number;
  readonly report: string;
}

/**
 * What a service asks for: both for a new report, within 5 ms and now this one first and now that one, and both for
 * those of the last second again.
 */
export function requestsOf(queue: QueueName): Request[] {
  const service = QUEUES.indexOf(queue);
  return Array.from({ length: EACH }, (_, turn) => {
    const newest = newestAt(turn);
    const back =
      turn === 0 || newestAt(turn - 1) < newest
        ? 0
        : (turn * 7 + service * 3) % Math.min(CURRENT, newest + 1);
    const report = REPORTS[newest - back] ?? "";
    return { at: (turn * ASKING_MS) / EACH + ((turn * 5 + service * 4) % 9), report };
  });
}

function newestAt(turn: number): number {
  return Math.floor((turn * REPORTS.length) / EACH);
}
