interface Parcel {
  readonly due: number;
  readonly deliver: () => void;
}

/** Delivers in order, each parcel after the delay that was in force when it was handed over. */
export class DelayLine {
  #parcels: Parcel[] = [];
  #timer: NodeJS.Timeout | undefined;

  send(delayMs: number, deliver: () => void): void {
    if (delayMs === 0 && this.#parcels.length === 0) {
      deliver();
      return;
    }
    this.#parcels.push({ due: performance.now() + delayMs, deliver });
    this.#arm();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#parcels = [];
  }

  #arm(): void {
    const [next] = this.#parcels;
    if (next === undefined || this.#timer !== undefined) return;
    // Not unref'd: a request on its way must arrive even when the client has nothing else to wait for.
    this.#timer = setTimeout(() => this.#deliver(), Math.max(0, next.due - performance.now()));
  }

  #deliver(): void {
    this.#timer = undefined;
    for (;;) {
      const [next] = this.#parcels;
      if (next === undefined || next.due > performance.now()) break;
      this.#parcels.shift();
      next.deliver();
    }
    this.#arm();
  }
}
