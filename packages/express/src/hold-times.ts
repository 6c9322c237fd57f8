/** Where no holder has been seen to its end. */
const SOME_TIME = 1_000;

const MOST_KEYS = 1_000;

/** For how long the requests of a route held their keys lately: what a request that is refused is told to wait, ms. */
export class HoldTimes {
  readonly #byKey = new Map<string, number>();
  /** Of any key. */
  latest = SOME_TIME;

  note(keys: readonly string[], time: number): void {
    this.latest = time;
    if (this.#byKey.size >= MOST_KEYS) this.#byKey.clear();
    for (const key of keys) this.#byKey.set(key, time);
  }

  /** The longest of these keys; of a key that is not known, that of another one. */
  of(keys: readonly string[]): number {
    return Math.max(...keys.map((key) => this.#byKey.get(key) ?? this.latest));
  }
}
