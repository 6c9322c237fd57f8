import { LockOverloadedError } from "../contract/errors.ts";
import type { Keys } from "../contract/key.ts";

/** How many callers of this process wait for each key. */
export class Crowd {
  readonly #waiting = new Map<string, number>();

  constructor(private readonly limit: number) {}

  enter(keys: Keys): void {
    for (const key of keys) this.#waiting.set(key, this.#of(key) + 1);
  }

  leave(keys: Keys): void {
    for (const key of keys) {
      const left = this.#of(key) - 1;
      if (left > 0) this.#waiting.set(key, left);
      else this.#waiting.delete(key);
    }
  }

  /** @throws LockOverloadedError where as many wait already as may */
  assertRoom(keys: Keys): void {
    for (const key of keys) if (this.#of(key) >= this.limit) throw new LockOverloadedError(key, this.limit);
  }

  #of(key: string): number {
    return this.#waiting.get(key) ?? 0;
  }
}
