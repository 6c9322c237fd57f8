import { Readable } from "node:stream";
import { TurnEndedError } from "./errors.ts";
import { type HeldTurn, startTimer } from "./held-turn.ts";

/** When a stream that is not read is given up; milliseconds. */
export interface StreamLimits {
  /** Without a read for so long. */
  readonly idle: number;
  /** How long its source then has to save what it has. */
  readonly grace: number;
}

/** What a stream is read by: an async iterator, or a reader of a ReadableStream. */
interface Source {
  next(): Promise<IteratorResult<unknown, unknown>>;
  return?(value?: unknown): Promise<IteratorResult<unknown, unknown>>;
  throw?(error?: unknown): Promise<IteratorResult<unknown, unknown>>;
}

/**
 * If the result of a turn is a stream, it holds the turn until it ends, is left, or was not read for too long: it is to be
 * given out in place of the result. Undefined for all else.
 */
export function holdStream(result: unknown, turn: HeldTurn, limits: StreamLimits): object | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  const { completed } = result as { readonly completed?: unknown };
  if (typeof Object(completed).then === "function") {
    // It runs by itself, and saves at its end: who reads it makes no difference.
    const end = () => void turn.end();
    (completed as PromiseLike<unknown>).then(end, end);
    return result;
  }
  if (isReadableStream(result)) return heldReadable(result, turn, limits);
  if (!isAsyncIterable(result)) return undefined;
  const steps = new HeldSteps(() => result[Symbol.asyncIterator](), turn, limits);
  if (!(result instanceof Readable)) return heldIterable(result, steps);
  // What it does when it is read would not be known to belong to the turn.
  const { readableObjectMode: objectMode, readableEncoding } = result;
  return Readable.from(steps, { objectMode, ...(readableEncoding && { encoding: readableEncoding }) });
}

/** The steps of a stream, each within its turn; the last one ends it. */
class HeldSteps implements AsyncGenerator<unknown, unknown, undefined> {
  #source: Source | undefined;
  #pending = 0;
  #isOver = false;
  #abandoned: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly open: () => Source,
    private readonly turn: HeldTurn,
    private readonly limits: StreamLimits,
  ) {
    this.#watch();
  }

  next(): Promise<IteratorResult<unknown, unknown>> {
    return this.#step((source) => source.next());
  }

  return(value?: unknown): Promise<IteratorResult<unknown, unknown>> {
    // A generator that is busy leaves only when it is done with that.
    if (this.#pending > 0) this.turn.stop(this.#over("was left"), this.limits.grace);
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
    if (this.#abandoned !== undefined) throw this.#abandoned;
    clearTimeout(this.#timer);
    this.#pending += 1;
    try {
      // The body of a generator runs in the context of whoever asks it for more: that must be the turn.
      const step = await this.turn.enter(async () => take(this.#opened()));
      if (!step.done) return step;
      await this.#end();
      if (this.turn.refused !== undefined) throw this.turn.refused;
      return step;
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      this.#pending -= 1;
      if (this.#pending === 0) this.#watch();
    }
  }

  #opened(): Source {
    this.#source ??= this.open();
    return this.#source;
  }

  #end(): Promise<void> {
    this.#isOver = true;
    return this.turn.end();
  }

  #watch(): void {
    if (this.#isOver || this.#abandoned !== undefined) return;
    this.#timer = startTimer(() => void this.#abandon(), this.limits.idle);
  }

  /** Nobody reads it: its source is told to stop, as by a reader that leaves. */
  async #abandon(): Promise<void> {
    const error = this.#over(`was not read for ${this.limits.idle} ms`);
    this.#abandoned = error;
    this.turn.stop(error, this.limits.grace);
    try {
      await this.turn.enter(async () => this.#opened().return?.());
    } catch {
      // Nobody is there to be told.
    }
    await this.turn.end(error);
  }

  #over(because: string): TurnEndedError {
    return new TurnEndedError(this.turn.sessionId, `its stream ${because}`);
  }
}

/** A genuine ReadableStream, as `new Response` wants it; one of LangChain's keeps the methods of an iterator. */
function heldReadable(stream: ReadableStream, turn: HeldTurn, limits: StreamLimits): ReadableStream {
  const reader = turn.enter(() => stream.getReader());
  const source: Source = {
    next: () => reader.read() as Promise<IteratorResult<unknown, unknown>>,
    return: async (reason) => {
      await reader.cancel(reason);
      return { done: true, value: undefined };
    },
  };
  const steps = new HeldSteps(() => source, turn, limits);
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
  const iterator = {
    next: () => steps.next(),
    return: () => steps.return(),
    throw: (e: unknown) => steps.throw(e),
  };
  return Object.assign(held, iterator);
}

const STEPS = new Set<PropertyKey>(["next", "return", "throw", Symbol.asyncIterator, Symbol.asyncDispose]);

/** The same object, but for its iteration. */
function heldIterable(iterable: object, steps: HeldSteps): object {
  return new Proxy(iterable, {
    get: (target, name) => {
      const owner = STEPS.has(name) && name in target ? steps : target;
      const value: unknown = Reflect.get(owner, name, owner);
      return typeof value === "function" ? value.bind(owner) : value;
    },
  });
}

function isReadableStream(value: object): value is ReadableStream {
  return typeof (value as Partial<ReadableStream>).getReader === "function";
}

function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value;
}
