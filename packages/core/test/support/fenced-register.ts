/** A store that remembers the largest fencing token that it has seen, and refuses smaller ones. */
export class FencedRegister {
  #largest = 0;

  /** Whether the write was taken. */
  write(fencingToken: number): boolean {
    if (fencingToken < this.#largest) return false;
    this.#largest = fencingToken;
    return true;
  }
}
