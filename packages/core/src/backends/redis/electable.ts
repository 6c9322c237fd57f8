import type { AcquireRequest, Granted, Vote } from "../../contract/backend.ts";
import type { Batch } from "./batch.ts";
import type { Answer } from "./calls.ts";
import type { RunOnce } from "./commands-options.ts";
import type { AcquireParts } from "./lua/voting.ts";
import type { Script } from "./script.ts";

/** Sends one attempt of a request, with its place in the queue. @throws LockBackendError */
export type Ask = (ticket: number) => Promise<Granted | Answer>;

/**
 * What a Redis backend exposes, so that a quorum can have its server vote: see `voter.ts`. Who needs no quorum loads nothing
 * of that.
 */
export interface Electable {
  /** Milliseconds. */
  readonly requestTimeout: number;
  readonly parts: AcquireParts;
  readonly run: RunOnce;
  /** Requests of one prefix for a script that takes the same as the acquire script, and this key. */
  readonly batch: (prefix: string, script: Script, lastKey: string) => Batch;
  /** Puts a request into a batch; `more` is an argument that its script takes beside those of an acquire. */
  readonly ask: (
    request: AcquireRequest,
    ticket: number,
    batch: Batch,
    more: string,
  ) => Promise<Granted | Answer>;
  /** Asks once, and again where the server's time was not known well enough; knows the waiters. */
  readonly attempt: (request: AcquireRequest, ask: Ask) => Promise<Vote>;
}
