import TinyQueue from "tinyqueue";

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** True time, in milliseconds: what happens, happens in its order. */
export class Timeline {
  now = 0;
  #order = 0;
  readonly #events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order);

  /** Plans something for a moment, or for now where that is past; the returned function calls it off. */
  at(moment: number, run: () => void): () => void {
    const event: Event = { at: Math.max(this.now, moment), order: this.#order++, run };
    this.#events.push(event);
    return () => {
      event.run = undefined;
    };
  }

  after(ms: number, run: () => void): () => void {
    return this.at(this.now + ms, run);
  }

  /** Lets the next thing happen; false at `end`, when nothing else happens before. */
  next(end: number): boolean {
    const event = this.#events.peek();
    if (event === undefined || event.at > end) {
      this.now = Math.max(this.now, end);
      return false;
    }
    this.#events.pop();
    this.now = event.at;
    event.run?.();
    return true;
  }
}
