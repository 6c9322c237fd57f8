import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Lease } from "@lock/core";
import { messagesOf } from "@lock/core/adapter";
import { TurnInterruptedError } from "./errors.ts";
import type { HeldTurn, TurnSubject } from "./held-turn.ts";

const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 250;
/** How much of an owner token `inspect` shows. */
const TOKEN_SHOWN = 8;

/** Lets a turn be interrupted by others until it ends. In the background: nobody waits for the connection. */
export function hearInterrupts(turn: HeldTurn, grace: number): void {
  const { locks, key } = turn.subject;
  const meant = messageFor(key, turn.token);
  const hearing = messagesOf(locks).hear((message) => {
    if (message === meant) turn.stop(new TurnInterruptedError(turn.sessionId), grace);
  });
  turn.onEnd(() => void hearing.then((stop) => stop()));
}

/** What tells the holder of a key, and nobody else, to stop. */
function messageFor(key: string, token: string): string {
  return `interrupt ${token.slice(0, TOKEN_SHOWN)} ${key}`;
}

/**
 * Acquires a session that others hold or wait for: asks whoever holds it to stop, until we hold it. The line is kept: who
 * came before is interrupted when its time comes, and who came after interrupts us.
 * @throws what `acquire` throws
 */
export async function acquireInterrupting(
  { locks, key }: TurnSubject,
  acquire: (meta: Readonly<Record<string, string>>) => Promise<Lease>,
): Promise<Lease> {
  const id = randomUUID();
  const settled = new AbortController();
  let isAsking = false;
  const stop = locks.on("contended", (event) => {
    if (event.key !== key || isAsking) return;
    isAsking = true;
    void askToStop(locks, key, id, settled.signal);
  });
  try {
    return await acquire({ turn: id });
  } finally {
    settled.abort();
    stop();
  }
}

/** Tells whoever holds the session, again and again: a message may be lost, and the next holder has not heard it. */
async function askToStop(
  locks: TurnSubject["locks"],
  key: string,
  id: string,
  settled: AbortSignal,
): Promise<void> {
  for (let wait = FIRST_PAUSE; !settled.aborted; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
    try {
      const state = await locks.inspect(key);
      for (const { token, meta } of state?.holders ?? []) {
        // The server may have handed the session to us already, and the message is still on its way.
        const isOther = meta.turn !== id && !settled.aborted;
        if (isOther) await messagesOf(locks).send(messageFor(key, token));
      }
    } catch {
      // An outage is told by the acquire, which goes on.
    }
    await pause(wait, undefined, { ref: false });
  }
}
