/** A member, and its score. */
export type Scored = readonly [member: string, score: number];

/** Members by score, then by bytes. */
export class SortedSet {
  readonly #scores: Map<string, number>;
  #sorted: Scored[] | undefined;

  constructor(scores: Iterable<Scored> = []) {
    this.#scores = new Map(scores);
  }

  get size(): number {
    return this.#scores.size;
  }

  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  set(member: string, score: number): void {
    // There is no negative zero.
    this.#scores.set(member, score === 0 ? 0 : score);
    this.#sorted = undefined;
  }

  delete(member: string): boolean {
    this.#sorted = undefined;
    return this.#scores.delete(member);
  }

  /** In order. Not to be kept: the next write makes another list. */
  all(): readonly Scored[] {
    this.#sorted ??= [...this.#scores].sort(([a, first], [b, second]) => first - second || (a < b ? -1 : 1));
    return this.#sorted;
  }

  copy(): SortedSet {
    return new SortedSet(this.#scores);
  }
}
