/** Ends what is tried again and again in the background, and its pauses. */
export class Stop {
  readonly #listeners = new Set<() => void>();
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Calls back when it is over; at once where it is. The returned function takes the listener away. */
  onStop(listener: () => void): () => void {
    if (this.#isOver) queueMicrotask(listener);
    else this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(): void {
    this.#isOver = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
