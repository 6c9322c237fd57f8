import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Lease } from "@lock/core";
import { noticesOf } from "@lock/core/adapter";
import { TurnInterruptedError } from "./errors.ts";
import type { HeldTurn, TurnSubject } from "./held-turn.ts";

/** How a waiter is marked, for `inspect`: whoever is in front of it is to stop. */
const INTERRUPTING = "interrupt";

const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 1_000;

/** Lets a turn be interrupted by others until it ends. In the background: nobody waits for the connection. */
export function hearInterrupts(turn: HeldTurn, grace: number): void {
  const { locks, key } = turn.subject;
  const hearing = noticesOf(locks).hear((notice) => {
    const told = readNotice(notice);
    if (told?.interrupt === key && turn.isHeldBy(told.token))
      turn.stop(new TurnInterruptedError(turn.sessionId), grace);
  });
  turn.onEnd(() => void hearing.then((stop) => stop()));
}

/**
 * Acquires a session that others hold or wait for: asks them to stop until it has it. The line is kept: who came before
 * gives way, and who comes after makes us do so.
 * @throws TurnInterruptedError when somebody newer waits already, and what `acquire` throws
 */
export async function acquireInterrupting(
  subject: TurnSubject,
  acquire: (meta: Readonly<Record<string, string>>) => Promise<Lease>,
): Promise<Lease> {
  const { locks, key, sessionId } = subject;
  const id = randomBytes(6).toString("base64url");
  const settled = new AbortController();
  let isContended = false;
  const stop = locks.on("contended", (event) => {
    if (event.key !== key || isContended) return;
    isContended = true;
    void askToStop(subject, id, settled.signal);
  });
  const lease = await acquire({ turn: INTERRUPTING, id }).finally(() => {
    settled.abort();
    stop();
  });
  if (!isContended || !(await isInterrupted(subject, id))) return lease;
  await lease[Symbol.asyncDispose]();
  throw new TurnInterruptedError(sessionId);
}

/** Tells whoever holds the session, again and again: a notice may be lost, and the next holder has not heard it. */
async function askToStop({ locks, key }: TurnSubject, id: string, settled: AbortSignal): Promise<void> {
  const notices = noticesOf(locks);
  for (let wait = FIRST_PAUSE; !settled.aborted; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
    try {
      const state = await locks.inspect(key);
      for (const { token, meta } of state?.holders ?? []) {
        // The server may have handed the session to us already, and the message is still on its way.
        if (meta.id !== id && !settled.aborted) await notices.send(JSON.stringify({ interrupt: key, token }));
      }
      await pause(wait, undefined, { signal: settled, ref: false });
    } catch {
      // An outage is told by the acquire, which lasts longer than this; being called off is no fault.
      await pause(wait, undefined, { ref: false });
    }
  }
}

/** Whether somebody who interrupts waits behind us. */
async function isInterrupted({ locks, key }: TurnSubject, id: string): Promise<boolean> {
  const { waiters = [] } = (await locks.inspect(key).catch(() => null)) ?? {};
  // A lock that is passed on within a process leaves those who had it, and us, in the server's line for a moment.
  const ours = waiters.findIndex(({ meta }) => meta.id === id);
  return waiters.slice(ours + 1).some(({ meta }) => meta.turn === INTERRUPTING);
}

function readNotice(notice: string): { readonly interrupt: unknown; readonly token: string } | undefined {
  try {
    const told: unknown = JSON.parse(notice);
    const { interrupt, token } = Object(told) as Partial<Record<string, unknown>>;
    return typeof token === "string" && token.length >= 8 ? { interrupt, token } : undefined;
  } catch {
    return undefined;
  }
}
