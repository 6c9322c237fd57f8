/** Who is told something, for as long as they listen. */
export class Listeners<T> {
  readonly #all = new Set<{ readonly hear: (told: T) => void }>();

  /** Until the returned function is called. */
  add(hear: (told: T) => void): () => void {
    const listener = { hear };
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  tell(told: T): void {
    for (const { hear } of [...this.#all]) hear(told);
  }
}
