/** Knows whether anything is under way: each piece of work has begun, and ends. */
export class UnderWay {
  #count = 0;
  #idle: (() => void)[] = [];

  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  /** Counts work that ends by itself. */
  watch(work: Promise<unknown>): void {
    const ended = () => this.end();
    this.begin();
    work.then(ended, ended);
  }

  /** Resolves when nothing is under way, and what ended last has begun nothing else. */
  async idle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
