import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Chance that a seed decides. Each part of a world has a stream of its own: what one draws changes nothing for another. */
export class Random {
  readonly #generator;

  constructor(seed: number, stream = 0) {
    this.#generator = xoroshiro128plus((seed ^ Math.imul(stream + 1, 0x9e3779b1)) | 0);
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) this.#generator.next();
  }

  /** From 0 to below 1. */
  fraction(): number {
    return (this.#generator.next() >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** From `from` to below `to`. */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** A whole number from `from` to `to`. */
  integer(from: number, to: number): number {
    return Math.floor(this.between(from, to + 1));
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.integer(0, items.length - 1)] ?? items[0];
  }

  /** A short duration often, a long one now and then. */
  skewed(from: number, to: number): number {
    return from * (to / from) ** this.fraction();
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#generator.next() & 255;
  }
}
