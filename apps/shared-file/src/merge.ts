/**
 * Brings the messages of several processes into the order of their timestamps. Each process tells in order, but
 * what two of them tell may overtake on the way: an event comes out once no other process can still tell an
 * earlier one.
 */
export class Merge<Event extends { readonly at: number }> {
  readonly #queues: Event[][];
  readonly #ended: boolean[];

  constructor(sources: number) {
    this.#queues = Array.from({ length: sources }, () => []);
    this.#ended = Array.from({ length: sources }, () => false);
  }

  /** Takes an event of the source, counted from 0; returns those whose order is now certain. */
  push(source: number, event: Event): Event[] {
    this.#queues[source]?.push(event);
    return this.#certain();
  }

  /** The source has told everything. */
  end(source: number): Event[] {
    this.#ended[source] = true;
    return this.#certain();
  }

  #certain(): Event[] {
    const events: Event[] = [];
    while (this.#queues.every((queue, source) => queue.length > 0 || this.#ended[source])) {
      const waiting = this.#queues.filter((queue) => queue.length > 0);
      const next = waiting
        .reduce<Event[] | undefined>((first, queue) => {
          return first === undefined || timeOf(queue) < timeOf(first) ? queue : first;
        }, undefined)
        ?.shift();
      if (next === undefined) break;
      events.push(next);
    }
    return events;
  }
}

function timeOf(queue: readonly { readonly at: number }[]): number {
  return queue[0]?.at ?? Number.POSITIVE_INFINITY;
}
