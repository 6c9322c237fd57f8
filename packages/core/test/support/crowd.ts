import { beforeEach } from "vitest";
import type { AcquireOptions, Lease, Locks } from "../../src/index.ts";
import { type InProcess, openInProcess } from "./in-process.ts";

export const KEY = "key";
export const OPTIONS: AcquireOptions = { ttl: 3_000, wait: "forever" };

/** What becomes of several acquires, by the numbers under which they were asked for. */
export interface Crowd {
  readonly leases: Map<number, Lease>;
  readonly errors: Map<number, unknown>;
}

/** Many of one process want a key that others want, too. */
export class CrowdScene {
  #opened: InProcess | undefined;

  open(): void {
    this.#opened = openInProcess({ ours: "us", theirs: "rivals" });
  }

  get #scene(): InProcess {
    if (this.#opened === undefined) throw new Error("the scene is there only within tests");
    return this.#opened;
  }

  get clock() {
    return this.#scene.clock;
  }

  get backend() {
    return this.#scene.backend;
  }

  get locks() {
    return this.#scene.locks;
  }

  get rivals() {
    return this.#scene.rivals;
  }

  /** So many ask for the key at once. */
  crowd(count: number, options = OPTIONS, from: Locks = this.locks): Crowd {
    const leases = new Map<number, Lease>();
    const errors = new Map<number, unknown>();
    for (let n = 0; n < count; n++) {
      from.acquire(KEY, options).then(
        (lease) => void leases.set(n, lease),
        (error: unknown) => void errors.set(n, error),
      );
    }
    return { leases, errors };
  }

  /** How many wait at each place of the queue. */
  async waiters(): Promise<number[]> {
    return (await this.rivals.inspect(KEY))?.waiters.map(({ count }) => count) ?? [];
  }

  async theLease({ leases }: Crowd, n: number): Promise<Lease> {
    await this.clock.advance(0);
    const lease = leases.get(n);
    if (lease === undefined) throw new Error(`number ${n} has no lease: only ${[...leases.keys()]}`);
    return lease;
  }

  /** The lease of the first of a crowd, once all wait and the key is free. */
  async firstAfter(held: Lease, many: Crowd): Promise<Lease> {
    await this.clock.advance(0);
    await held.release();
    return this.theLease(many, 0);
  }
}

/** A scene for each test. */
export function useCrowds(): CrowdScene {
  const scene = new CrowdScene();
  beforeEach(() => scene.open());
  return scene;
}
