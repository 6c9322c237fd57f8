import { AsyncLocalStorage } from "node:async_hooks";

/** One call to a store that is under way. */
export interface Operation {
  isDone: boolean;
}

/** In what the code that runs now was called: a turn, the write of it if it is within one, and what is around it. */
export interface Frame<Turn> {
  readonly turn: Turn;
  readonly write: Operation | undefined;
  readonly outer: Frame<Turn> | undefined;
}

const REGISTRY = Symbol.for("@lock/memory.frames");

/** The frames of a program: there is one set of them for all copies of this package, since ESM and CommonJS must see each other's turns. */
export class Frames<Turn> {
  readonly #storage: AsyncLocalStorage<Frame<Turn>>;

  constructor() {
    const shared = globalThis as { [REGISTRY]?: AsyncLocalStorage<Frame<Turn>> };
    shared[REGISTRY] ??= new AsyncLocalStorage();
    this.#storage = shared[REGISTRY];
  }

  /** The innermost frame that fits. */
  find(fits: (turn: Turn) => boolean): Frame<Turn> | undefined {
    let frame = this.#storage.getStore();
    while (frame !== undefined && !fits(frame.turn)) frame = frame.outer;
    return frame;
  }

  /** Runs code, and all that it calls and awaits, in a frame within that of its caller. */
  run<T>(turn: Turn, write: Operation | undefined, work: () => T): T {
    return this.#storage.run({ turn, write, outer: this.#storage.getStore() }, work);
  }
}
