import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, readAnswer } from "./answer.ts";
import type { Place } from "./messages.ts";

/** What the customers were answered by an instance. */
export interface Counts {
  readonly place: Place;
  charged: number;
  alreadyCharged: number;
  refused: number;
}

/** What all customers were answered. */
export interface Tally {
  readonly counts: readonly Counts[];
  /** What should not have been answered, in words. */
  readonly failures: readonly string[];
}

export type OnProgress = (ordersDone: number, refused: number) => void;

/** How many orders are being paid at a time, each of them twice. */
const AT_ONCE = 50;
const ANSWER_LIMIT_MS = 10_000;
const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;
/** Some 12 s of pauses: a charge takes 120 ms at most, on a machine that has nothing else to do. */
const MOST_ATTEMPTS = 60;

/** Customers who pay each order twice at the same moment: once at each instance. */
export class Customers implements Tally {
  readonly counts: readonly Counts[];
  readonly failures: string[] = [];
  #done = 0;

  constructor(
    places: readonly Place[],
    private readonly stop: AbortSignal,
    private readonly onProgress: OnProgress,
  ) {
    this.counts = places.map((place) => ({ place, charged: 0, alreadyCharged: 0, refused: 0 }));
  }

  /** Resolves when all orders are paid. */
  async pay(orders: readonly string[]): Promise<void> {
    const queue = orders.entries();
    const customer = async () => {
      for (const [index, order] of queue) {
        // Each instance is the first to be asked for every other order.
        const instances = index % 2 === 0 ? this.counts : this.counts.toReversed();
        await Promise.all(instances.map((counts) => this.#submit(order, counts)));
        this.#done += 1;
        this.#progress();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, customer));
  }

  /** One of the two clicks: asks until it is told that the order is paid. */
  async #submit(order: string, counts: Counts): Promise<void> {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const answer = await this.#post(order, counts.place);
      if (answer.kind === "charged") counts.charged += 1;
      if (answer.kind === "already charged") counts.alreadyCharged += 1;
      if (answer.kind === "failed") this.failures.push(answer.reason);
      if (answer.kind !== "refused") return;
      counts.refused += 1;
      this.#progress();
      await sleep(pause(attempt, answer.retryAfter));
    }
    this.failures.push(`refused ${MOST_ATTEMPTS} times in a row`);
  }

  async #post(order: string, { origin }: Place): Promise<Answer> {
    const path = `/orders/${encodeURIComponent(order)}/charge`;
    const signal = AbortSignal.any([this.stop, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
    try {
      return await readAnswer(await fetch(origin + path, { method: "POST", signal }), path);
    } catch (error) {
      this.stop.throwIfAborted();
      return { kind: "failed", reason: `no answer: ${error instanceof Error ? error.message : error}` };
    }
  }

  #progress(): void {
    const refused = this.counts.reduce((sum, counts) => sum + counts.refused, 0);
    this.onProgress(this.#done, refused);
  }
}

/**
 * Retry-After says in whole seconds when the key is free at the latest, should its holder have died; it is free much
 * earlier when the holder is just working. At random, so that those who were refused together do not come back so.
 */
function pause(attempt: number, retryAfter: number): number {
  const most = Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * (attempt + 1), retryAfter);
  return SHORTEST_PAUSE_MS + Math.random() * (most - SHORTEST_PAUSE_MS);
}
