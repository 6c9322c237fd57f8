/** A test that hangs is given up by the runner, and never leaves. */
const PATIENCE_MS = 30_000;

/**
 * How much may be under way at the same time in this process: beside each other, more tests would only take the time of one
 * another, and answers would come too late.
 */
export class Room {
  readonly #waiting: { readonly size: number; enter(): void }[] = [];
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  /** Resolves, in the order in which it was asked for, when there is so much of it; at last all the same: others may hang. */
  async enter(size: number): Promise<void> {
    const turn = new Promise<void>((enter) => this.#waiting.push({ size, enter }));
    this.#letIn();
    const patience = setTimeout(() => this.#admit(), PATIENCE_MS);
    await turn;
    clearTimeout(patience);
  }

  leave(size: number): void {
    this.#free += size;
    this.#letIn();
  }

  #letIn(): void {
    while (this.#waiting.length > 0 && (this.#waiting[0]?.size ?? 0) <= this.#free) this.#admit();
  }

  #admit(): void {
    const first = this.#waiting.shift();
    if (first === undefined) return;
    this.#free -= first.size;
    first.enter();
  }
}
