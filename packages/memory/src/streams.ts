import { LockUsageError } from "./errors.ts";
import type { HeldTurn } from "./held-turn.ts";

/** Ends a part, once: resolves when the turn has ended, if that was the last one. */
export type EndPart = () => Promise<void>;

/** What the parts of a result have in common: the turn ends when all that were begun have ended. */
export interface Parts {
  readonly turn: HeldTurn;
  /** Why nothing of it can be read any more. */
  readonly abandoned: Error | undefined;
  /** Begins a part, which no other one shares `leave` with: it tells its source to stop. */
  begin(leave: () => unknown): EndPart;
  /** Runs what is not idleness: a read, or work that goes on. */
  busy<T>(work: () => PromiseLike<T>): Promise<T>;
  /** A reader has left while its part was at work. */
  leave(): void;
}

/** What a stream is read by: an async iterator, or a reader of a ReadableStream. */
interface Source {
  next(): Promise<IteratorResult<unknown, unknown>>;
  return?(value?: unknown): Promise<unknown>;
  throw?(error?: unknown): Promise<IteratorResult<unknown, unknown>>;
}

/** The steps of a stream, each within its turn. */
export class HeldSteps implements AsyncGenerator<unknown, unknown, undefined> {
  #source: Source | undefined;
  #pending = 0;
  #end: EndPart | undefined;

  readonly #open: () => Source;
  readonly #parts: Parts;
  readonly #isLazy: boolean;

  /** `isLazy`: it counts once it is read, and others may be read after it. It comes from an object that makes streams. */
  constructor(open: () => Source, parts: Parts, isLazy: boolean) {
    this.#open = open;
    this.#parts = parts;
    this.#isLazy = isLazy;
    if (!isLazy) this.#begin();
  }

  next(): Promise<IteratorResult<unknown, unknown>> {
    return this.#step((source) => source.next());
  }

  return(value?: unknown): Promise<IteratorResult<unknown, unknown>> {
    // A generator that is busy leaves only when it is done with that.
    if (this.#pending > 0) this.#parts.leave();
    this.#parts.turn.isLeft = true;
    return this.#step(async (source) => {
      await source.return?.(value);
      return { done: true, value };
    });
  }

  throw(error?: unknown): Promise<IteratorResult<unknown, unknown>> {
    return this.#step(async (source) => {
      if (source.throw !== undefined) return source.throw(error);
      await source.return?.();
      throw error;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #step(
    take: (source: Source) => Promise<IteratorResult<unknown, unknown>>,
  ): Promise<IteratorResult<unknown, unknown>> {
    const { turn, abandoned } = this.#parts;
    if (abandoned !== undefined) throw abandoned;
    const end = this.#begin();
    const over = () => (this.#isLazy ? void end() : end());
    this.#pending += 1;
    try {
      // The body of a generator runs in the context of its reader: that must be the turn.
      const read = () => turn.enter(async () => take(this.#opened()));
      const step = await this.#parts.busy(read);
      if (!step.done) return step;
      await over();
      if (turn.refused !== undefined) throw turn.refused;
      return step;
    } catch (error) {
      turn.failure = error;
      await over();
      throw error;
    } finally {
      this.#pending -= 1;
    }
  }

  #begin(): EndPart {
    this.#end ??= this.#parts.begin(() => this.#opened().return?.());
    return this.#end;
  }

  #opened(): Source {
    this.#source ??= this.#open();
    return this.#source;
  }
}

/** A genuine ReadableStream, as `new Response` wants it; one of LangChain's keeps the methods of an iterator. */
export function heldReadable(stream: ReadableStream, parts: Parts, isLazy: boolean): ReadableStream {
  if (stream.locked) refuse("a stream that is locked");
  const steps = new HeldSteps(() => sourceOf(stream), parts, isLazy);
  const held = new ReadableStream(
    {
      pull: async (controller) => {
        const step = await steps.next();
        if (step.done) controller.close();
        else controller.enqueue(step.value);
      },
      cancel: async (reason) => void (await steps.return(reason)),
    },
    // Nothing is read ahead: a stream that nobody reads is noticed.
    { highWaterMark: 0 },
  );
  if (!("next" in stream)) return held;
  return Object.assign(held, {
    next: () => steps.next(),
    return: () => steps.return(),
    throw: (error: unknown) => steps.throw(error),
  });
}

function sourceOf(stream: ReadableStream): Source {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown, unknown>>,
    return: (reason) => reader.cancel(reason),
  };
}

/** @throws LockUsageError */
export function refuse(what: string): never {
  throw new LockUsageError(`withTurn cannot hold a result with ${what} inside: return the stream itself`);
}
