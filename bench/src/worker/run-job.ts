import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "../contestants/contestant.ts";
import type { JobName, Outcome, Request, ToWorker } from "./jobs.ts";

/** Opens a further session of the same contestant. */
export type OpenSession = () => Promise<Session>;

export function runJob(message: ToWorker, session: Session, open: OpenSession): Promise<Outcome<JobName>> {
  if (message.job === "sequential") return sequential(session, message.request);
  if (message.job === "burst") return burst(session, message.request);
  if (message.job === "cost") return cost(session, message.request);
  if (message.job === "contend") return contend(session, message.request);
  return behind(session, message.request, open);
}

async function sequential(
  session: Session,
  { keys, pairs }: Request<"sequential">,
): Promise<Outcome<"sequential">> {
  const durations: number[] = [];
  const before = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < pairs; i++) {
    const begun = performance.now();
    const release = await session.acquire(`${keys}:${i}`);
    await release();
    durations.push(performance.now() - begun);
  }
  return { durations, elapsed: performance.now() - start, cpu: cpuSince(before) };
}

async function burst(session: Session, { keys, pairs, atOnce }: Request<"burst">): Promise<Outcome<"burst">> {
  let next = 0;
  async function loop(): Promise<void> {
    while (next < pairs) {
      const release = await session.acquire(`${keys}:${next++}`);
      await release();
    }
  }
  const before = process.cpuUsage();
  const start = performance.now();
  await Promise.all(Array.from({ length: atOnce }, loop));
  return { elapsed: performance.now() - start, cpu: cpuSince(before) };
}

async function cost(session: Session, { keys, atOnce, time }: Request<"cost">): Promise<Outcome<"cost">> {
  let pairs = 0;
  const end = performance.now() + time;
  async function loop(): Promise<void> {
    while (performance.now() < end) {
      const release = await session.acquire(`${keys}:${pairs++}`);
      await release();
    }
  }
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: atOnce }, loop));
  return { pairs, cpu: cpuSince(before) };
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function contend(
  session: Session,
  { key, waiters, hold, time }: Request<"contend">,
): Promise<Outcome<"contend">> {
  const waits: number[] = [];
  let within = 0;
  let heldWithin = 0;
  const end = performance.now() + time;
  async function loop(): Promise<void> {
    while (performance.now() < end) {
      const asked = performance.now();
      const release = await session.acquire(key);
      const got = performance.now();
      if (hold > 0) await sleep(hold);
      // Timers are late: what counts is how long it was really held.
      const done = performance.now();
      await release();
      waits.push(got - asked);
      if (done > end) continue;
      within += 1;
      heldWithin += done - got;
    }
  }
  await Promise.all(Array.from({ length: waiters }, loop));
  return { waits, within, heldWithin };
}

async function behind(
  session: Session,
  { key, waiters, hold }: Request<"behind">,
  open: OpenSession,
): Promise<Outcome<"behind">> {
  const other = await open();
  try {
    const releaseHolder = await session.acquire(key);
    const turns = Array.from({ length: waiters }, async () => {
      const release = await other.acquire(key);
      await release();
    });
    await sleep(hold);
    const freed = performance.now();
    await releaseHolder();
    await Promise.all(turns);
    return { drained: performance.now() - freed };
  } finally {
    await other.close();
  }
}
