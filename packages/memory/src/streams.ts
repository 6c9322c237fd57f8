import { finished } from "node:stream";
import { TurnEndedError } from "./errors.ts";
import type { HeldTurn } from "./held-turn.ts";

/** When a stream that is not read is given up; milliseconds. */
export interface StreamLimits {
  /** Without a read for so long. */
  readonly idle: number;
  /** How long its source then has to save what it has. */
  readonly grace: number;
}

/** What a stream is read by: an async iterator, or a reader of a ReadableStream. */
interface Source<T> {
  next(): Promise<IteratorResult<T, unknown>>;
  return?(value?: unknown): Promise<IteratorResult<T, unknown>>;
  throw?(error?: unknown): Promise<IteratorResult<T, unknown>>;
}

/**
 * If the result of a turn is a stream, it holds the turn until it ends, is left, or was not read for too long. Undefined
 * for all else.
 */
export function holdStream<T>(
  result: T,
  turn: HeldTurn,
  limits: StreamLimits,
): { readonly stream: T } | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  const { completed } = result as { readonly completed?: unknown };
  if (isThenable(completed)) {
    // It runs by itself, and saves at its end: who reads it makes no difference.
    const end = () => void turn.end();
    completed.then(end, end);
    return { stream: result };
  }
  if (isNodeStream(result)) {
    finished(result, () => void turn.end());
    return { stream: result };
  }
  // The type of what is held is the type of what was given: it has the same members.
  if (isReadableStream(result)) return { stream: heldReadable(result, turn, limits) as T };
  if (isAsyncIterable(result)) return { stream: heldIterable(result, turn, limits) as T };
  return undefined;
}

/** An iteration that holds a turn from its first step. `begin` may find that none is needed. */
export async function* holdIteration<T>(
  open: () => AsyncIterable<T>,
  begin: () => Promise<HeldTurn | undefined>,
  limits: StreamLimits,
): AsyncGenerator<T, unknown, undefined> {
  const turn = await begin();
  if (turn === undefined) return yield* open();
  return yield* new HeldSteps(() => open()[Symbol.asyncIterator](), turn, limits);
}

/** The steps of a stream, each within its turn; the last one ends it. */
class HeldSteps<T> implements AsyncGenerator<T, unknown, undefined> {
  #source: Source<T> | undefined;
  #pending = 0;
  #isOver = false;
  #abandoned: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly open: () => Source<T>,
    private readonly turn: HeldTurn,
    private readonly limits: StreamLimits,
  ) {
    this.#watch();
  }

  next(): Promise<IteratorResult<T, unknown>> {
    return this.#step((source) => source.next());
  }

  return(value?: unknown): Promise<IteratorResult<T, unknown>> {
    return this.#step(async (source) => {
      await source.return?.(value);
      return { done: true, value };
    });
  }

  throw(error?: unknown): Promise<IteratorResult<T, unknown>> {
    return this.#step((source) => {
      if (source.throw === undefined) throw error;
      return source.throw(error);
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #step(
    take: (source: Source<T>) => Promise<IteratorResult<T, unknown>>,
  ): Promise<IteratorResult<T, unknown>> {
    if (this.#abandoned !== undefined) throw this.#abandoned;
    clearTimeout(this.#timer);
    this.#pending += 1;
    try {
      // The body of a generator runs in the context of whoever asks it for more: that must be the turn.
      const step = await this.turn.enter(async () => take(this.#opened()));
      if (step.done) await this.#end();
      if (step.done && this.turn.refused !== undefined) throw this.turn.refused;
      return step;
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      this.#pending -= 1;
      if (this.#pending === 0) this.#watch();
    }
  }

  #opened(): Source<T> {
    this.#source ??= this.open();
    return this.#source;
  }

  #end(): Promise<void> {
    this.#isOver = true;
    return this.turn.end();
  }

  #watch(): void {
    if (this.#isOver || this.#abandoned !== undefined) return;
    this.#timer = setTimeout(() => void this.#abandon(), this.limits.idle);
    this.#timer.unref();
  }

  /** Nobody reads it: its source is told to stop, as by a reader that leaves. */
  async #abandon(): Promise<void> {
    const error = new TurnEndedError(
      this.turn.sessionId,
      `its stream was not read for ${this.limits.idle} ms`,
    );
    this.#abandoned = error;
    this.turn.stop(error, this.limits.grace);
    try {
      await this.turn.enter(async () => this.#opened().return?.());
    } catch {
      // Nobody is there to be told.
    }
    await this.turn.end(error);
  }
}

/** A genuine ReadableStream, as `new Response` wants it. */
function heldReadable<T>(stream: ReadableStream<T>, turn: HeldTurn, limits: StreamLimits): ReadableStream<T> {
  const reader = turn.enter(() => stream.getReader());
  const source: Source<T> = {
    next: () => reader.read() as Promise<IteratorResult<T, unknown>>,
    return: async (reason) => {
      await reader.cancel(reason);
      return { done: true, value: undefined };
    },
  };
  const steps = new HeldSteps(() => source, turn, limits);
  return new ReadableStream<T>(
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
}

const STEPS = new Set<PropertyKey>(["next", "return", "throw", Symbol.asyncIterator, Symbol.asyncDispose]);

/** The same object, but for its iteration. */
function heldIterable<T extends object>(
  iterable: T & AsyncIterable<unknown>,
  turn: HeldTurn,
  limits: StreamLimits,
): T {
  const steps = new HeldSteps(() => iterable[Symbol.asyncIterator](), turn, limits);
  return new Proxy<T>(iterable, {
    get: (target, name) => {
      const isStep = STEPS.has(name) && name in target;
      const owner = isStep ? steps : target;
      const value: unknown = Reflect.get(owner, name, owner);
      return typeof value === "function" ? value.bind(owner) : value;
    },
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === "function";
}

function isNodeStream(value: object): value is NodeJS.ReadableStream {
  const { pipe, on } = value as Partial<NodeJS.ReadableStream>;
  return typeof pipe === "function" && typeof on === "function";
}

function isReadableStream(value: object): value is ReadableStream {
  return typeof (value as Partial<ReadableStream>).getReader === "function";
}

function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value;
}
