/**
 * How much may be under way at the same time in this process: beside each other, more tests would only take the time of one
 * another, and answers would come too late.
 */
export class Room {
  readonly #waiting: { readonly size: number; enter(): void }[] = [];
  #free: number;

  /**
   * `patience`: after how many milliseconds somebody is let in all the same: a test that hangs is given up by the runner,
   * and never leaves. Default: never.
   */
  constructor(
    size: number,
    private readonly patience?: number,
  ) {
    this.#free = size;
  }

  /** Resolves, in the order in which it was asked for, when there is so much of it. */
  async enter(size: number): Promise<void> {
    const turn = new Promise<void>((enter) => this.#waiting.push({ size, enter }));
    this.#letIn();
    const impatient = this.patience && setTimeout(() => this.#admit(), this.patience);
    await turn;
    clearTimeout(impatient);
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
