import type { Write } from "./messages.ts";

export interface Entry extends Write {
  readonly keeper: number;
  readonly at: number;
  /** The highest fencing token before this write. */
  readonly highest: number;
}

/** What the keeper writes to: refuses a fencing token that is smaller than one it has seen, and knows nothing of locks. */
export class Register {
  readonly accepted: Entry[] = [];
  readonly refused: Entry[] = [];
  #highest = 0;

  /** Whether it was accepted. */
  write(keeper: number, { tick, price, fence }: Write, at: number): boolean {
    const entry = { keeper, tick, price, fence, at, highest: this.#highest };
    if (fence < this.#highest) {
      this.refused.push(entry);
      return false;
    }
    this.#highest = fence;
    this.accepted.push(entry);
    return true;
  }
}
