import { AsyncLocalStorage } from "node:async_hooks";
import type { HeldTurn } from "./held-turn.ts";

/** One call to a store that is under way. */
export interface Operation {
  isDone: boolean;
}

/** In what the code that runs now was called: the turn, the write of it if it is within one, and what is around it. */
export interface Frame {
  readonly turn: HeldTurn;
  readonly write: Operation | undefined;
  readonly outer: Frame | undefined;
}

const REGISTRY = Symbol.for("@lock/memory.frames");

/** One for all copies of this package in a program: ESM and CommonJS must see each other's turns. */
const shared = globalThis as { [REGISTRY]?: AsyncLocalStorage<Frame> };
shared[REGISTRY] ??= new AsyncLocalStorage<Frame>();
const frames = shared[REGISTRY];

/** The innermost frame of the code that runs now. */
export function currentFrame(): Frame | undefined {
  return frames.getStore();
}

/** The innermost frame that fits. */
export function findFrame(fits: (turn: HeldTurn) => boolean, from = currentFrame()): Frame | undefined {
  for (let frame = from; frame !== undefined; frame = frame.outer) {
    if (fits(frame.turn)) return frame;
  }
  return undefined;
}

/** Runs code, and all that it calls and awaits, in a frame. */
export function runIn<T>(frame: Frame, work: () => T): T {
  return frames.run(frame, work);
}
