import { AsyncLocalStorage, executionAsyncId, executionAsyncResource } from "node:async_hooks";

/** What is under way within a turn, or within one write of it, and in which order. */
export class Scope {
  /** The last write that was begun in it. */
  lastWrite: Promise<unknown> = Promise.resolve();
  /** Nothing more can begin in it. */
  isOver = false;
  readonly #calls = new Set<Promise<unknown>>();

  constructor(
    /** Of a write, and not of a whole turn. */
    readonly isOfWrite: boolean,
  ) {}

  /** Whether something is under way. */
  get isBusy(): boolean {
    return this.#calls.size > 0;
  }

  /** Remembers a call until it has settled; a write also for those that come after it. */
  add(call: Promise<unknown>, isWrite: boolean): void {
    const settled = call.catch(() => undefined);
    this.#calls.add(settled);
    void settled.then(() => this.#calls.delete(settled));
    if (isWrite) this.lastWrite = settled;
  }

  /** Resolves when all that is under way now has settled: more may have begun. */
  async settle(): Promise<void> {
    await Promise.all(this.#calls);
  }
}

/** In what the code that runs now was called: a turn, the innermost write of it, and what is around it. */
export interface Frame<Turn> {
  readonly turn: Turn;
  readonly scope: Scope;
  readonly outer: Frame<Turn> | undefined;
}

const REGISTRY = Symbol.for("@lock/memory.frames");

/** One set of frames for all copies of this package in a program: ESM and CommonJS must see each other's turns. */
export class Frames<Turn extends { readonly hasEnded: boolean }> {
  readonly #storage: AsyncLocalStorage<Frame<Turn>>;

  constructor() {
    const shared = globalThis as { [REGISTRY]?: AsyncLocalStorage<Frame<Turn>> };
    shared[REGISTRY] ??= new AsyncLocalStorage();
    this.#storage = shared[REGISTRY];
  }

  /** The innermost frame that fits. */
  find(fits: (frame: Frame<Turn>) => boolean): Frame<Turn> | undefined {
    let frame = this.#storage.getStore();
    // A write that is over left something behind: that is part of what is around it.
    while (frame !== undefined && (frame.scope.isOver || !fits(frame))) frame = frame.outer;
    return frame;
  }

  /**
   * Whether a timer, a socket or a message calls that was set up in a turn that is over: it begins something, where a
   * promise goes on with the turn's work. A promise is the resource that runs, or has no id where none are tracked.
   */
  isEventAfterTurn(): boolean {
    const isLate = this.#storage.getStore()?.turn.hasEnded === true;
    return isLate && executionAsyncId() > 1 && !(executionAsyncResource() instanceof Promise);
  }

  /** Runs code that belongs to none of them. */
  exit<T>(work: () => T): T {
    return this.#storage.exit(work);
  }

  /** Runs code, and all that it calls and awaits, in a frame within that of its caller. */
  run<T>(turn: Turn, scope: Scope, work: () => T): T {
    let outer = this.#storage.getStore();
    // Who begins one after the other from timers would hold on to all of them.
    while (outer !== undefined && isGone(outer, turn)) outer = outer.outer;
    const isSame = outer?.turn === turn && outer.scope === scope;
    return this.#storage.run(isSame && outer ? outer : { turn, scope, outer }, work);
  }
}

/** Whether nothing of it can matter to what is called in another turn's frame, or in a frame of its own. */
function isGone<Turn extends { readonly hasEnded: boolean }>(frame: Frame<Turn>, turn: Turn): boolean {
  const isOfAnother = frame.turn !== turn && frame.turn.hasEnded && !frame.scope.isOfWrite;
  return frame.scope.isOver || isOfAnother;
}
