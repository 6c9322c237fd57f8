import { type Attempt, type History, nameOf, type Violation } from "../run/history.ts";
import type { Story } from "../story/story.ts";

/** How long a key may stay free while somebody waits for it, ms. */
const PROMPT = 150;
/** The same where a waiter hears no messages, or a key became free by its ttl, of which nobody is told: it asks by itself. */
const BY_ASKING = 1_500;

/** Where nothing goes wrong, a key that is free is given to who waits for it. */
export function checkHandOver(history: History): Violation[] {
  const { attempts, story, struck } = history;
  if (story.topology !== "single" || struck.length > 0 || story.weather.slow > 0) return [];
  return attempts.flatMap((attempt): Violation[] => {
    const { waitingAt, end, endedAt = 0 } = attempt;
    if (waitingAt === undefined || end !== "granted") return [];
    const others = attempts.filter(
      (other) => other !== attempt && other.keys.some((key) => attempt.keys.includes(key)),
    );
    const isTold =
      others.every((other) => isPlain(other, story)) && !story.processes.some(({ isDeaf }) => isDeaf);
    const idle = endedAt - lastChange(attempt, others, history);
    if (idle <= (isTold ? PROMPT : BY_ASKING)) return [];
    const text = `${nameOf(attempt)} waited ${idle.toFixed(0)} ms for keys that nobody held`;
    return [{ promise: "bounded waiting", at: endedAt, text }];
  });
}

/** Whether it frees its keys by a release that waiters are told of. */
function isPlain({ operation: place }: Attempt, { operations }: Story): boolean {
  const operation = operations[place];
  if (operation?.kind !== "hold") return true;
  const { minHold, maxHold, renew, ticketTo } = operation;
  return minHold === 0 && renew && maxHold === undefined && ticketTo === undefined;
}

/** When somebody else was done with one of its keys last, whatever for. */
function lastChange(
  { endedAt = 0, invokedAt }: Attempt,
  others: readonly Attempt[],
  { forced, story }: History,
): number {
  const moments = others.flatMap((other) => {
    const operation = story.operations[other.operation];
    const minHold = operation?.kind === "hold" ? operation.minHold : 0;
    const { releaseInvokedAt = 0, releasedAt = 0, lostAt = 0, validUntil = 0, closedAt = 0 } = other;
    const { endedAt: otherEnd = 0 } = other;
    // The answer to a release may come after the next grant. A key is freed by its ttl a little later than its holder reckons.
    const ends = [releaseInvokedAt, releasedAt, lostAt, validUntil, validUntil * 1.01, closedAt];
    return [...ends, otherEnd, otherEnd + minHold];
  });
  moments.push(...forced.map(({ to }) => to));
  return Math.max(invokedAt, ...moments.filter((moment) => moment <= endedAt));
}
