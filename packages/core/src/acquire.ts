import type { AcquireOutcome, AcquireRequest, Busy, Granted, LockBackend } from "./backend.ts";
import { LockBackendError, LockTimeoutError, type SeenHolder } from "./errors.ts";
import { showKeys } from "./key.ts";
import { type Patience, TIME_OVER } from "./patience.ts";
import { retryPause, validityLeft } from "./timing.ts";

/** What the loop needs from its surroundings. */
export interface AcquireContext {
  readonly backend: LockBackend;
  /** Told once, when a key is found busy. */
  contended(holder: SeenHolder | undefined): void;
  /** Told once, when others name another number of permits. */
  permitsDiffer(others: number): void;
  /** Runs an undo in the background: it must never delay the caller. */
  undo(work: Promise<unknown>): void;
}

/** Everything that one acquire has learned so far. */
interface Progress {
  faults: number;
  lastFault: LockBackendError | undefined;
  holder: SeenHolder | undefined;
  contended: boolean;
  permitsDiffer: boolean;
  /** An attempt is on its way now. */
  asking: boolean;
  /** An attempt was sent that was never answered: it may still arrive. */
  unanswered: boolean;
}

/**
 * The only acquire loop: attempt, wait for a hint, attempt. Ends with the lock, or with an error after
 * everything was undone.
 * @throws LockTimeoutError when the key stays busy, LockBackendError when the backend fails for as long as the
 *   caller waits, and whatever reason the caller interrupted the wait with
 */
export async function acquireLock(
  context: AcquireContext,
  request: AcquireRequest,
  patience: Patience,
): Promise<Granted> {
  const progress: Progress = {
    faults: 0,
    lastFault: undefined,
    holder: undefined,
    contended: false,
    permitsDiffer: false,
    asking: false,
    unanswered: false,
  };
  try {
    for (;;) {
      const granted = await round(context, request, patience, progress);
      if (granted !== null) return granted;
    }
  } catch (error) {
    const unanswered = progress.unanswered || progress.asking;
    const queued = request.queue && progress.contended;
    if (unanswered || queued) context.undo(context.backend.withdraw(request, unanswered));
    throw error;
  }
}

/** One round: an attempt, and the wait for a hint where it was in vain. Null: again. Throws when it is over. */
async function round(
  context: AcquireContext,
  request: AcquireRequest,
  patience: Patience,
  progress: Progress,
): Promise<Granted | null> {
  try {
    const outcome = await ask(context.backend, request, patience, progress);
    if (outcome.otherPermits !== undefined && !progress.permitsDiffer) {
      progress.permitsDiffer = true;
      context.permitsDiffer(outcome.otherPermits);
    }
    if (outcome.status === "granted") return await believed(context.backend, request, outcome);
    const news = await nextHint(context, request, patience, outcome, progress);
    return news === null ? null : await believed(context.backend, request, news);
  } catch (error) {
    if (!(error instanceof LockBackendError)) throw error;
    progress.asking = false;
    progress.unanswered ||= error.ambiguous;
    progress.lastFault = error;
    progress.faults += 1;
    if (!error.retryable || patience.left <= 0) throw error;
    const pause = new Promise<void>((resume) => {
      context.backend.clock.setTimer(resume, retryPause(progress.faults), true);
    });
    if ((await patience.until(pause)) === TIME_OVER) throw error;
    return null;
  }
}

async function ask(
  backend: LockBackend,
  request: AcquireRequest,
  patience: Patience,
  progress: Progress,
): Promise<AcquireOutcome> {
  progress.asking = true;
  const attempting = backend.attempt(request);
  // A single attempt has the backend's own limit: with `wait: 0` there would be no time to hear the answer.
  const outcome = request.queue ? await patience.until(attempting, backend.requestTimeout) : await attempting;
  if (outcome === TIME_OVER) {
    progress.unanswered = true;
    if (progress.lastFault !== undefined) throw progress.lastFault;
    throw new LockBackendError(`${backend.name} did not answer within ${Math.round(patience.waited)} ms`, {
      key: showKeys(request.keys),
      retryable: true,
      ambiguous: true,
    });
  }
  progress.asking = false;
  return outcome;
}

/** What came of waiting for a busy key: the lock, or null when it is worth asking again. */
async function nextHint(
  context: AcquireContext,
  request: AcquireRequest,
  patience: Patience,
  busy: Busy,
  progress: Progress,
): Promise<Granted | null> {
  progress.holder = busy.holder;
  if (!progress.contended) {
    progress.contended = true;
    context.contended(busy.holder);
  }
  const news = request.queue ? await patience.until(context.backend.hint(request)) : TIME_OVER;
  if (news === TIME_OVER)
    throw new LockTimeoutError(showKeys(request.keys), patience.waited, progress.holder);
  return news;
}

/** A grant that was heard of after its validity is none: it is given back, and counts as a fault. */
async function believed(backend: LockBackend, request: AcquireRequest, granted: Granted): Promise<Granted> {
  if (validityLeft(granted, backend.clock.now()) > 0) return granted;
  await backend.release(request);
  const key = showKeys(request.keys);
  throw new LockBackendError(
    `${JSON.stringify(key)} was granted, but the answer took longer than a ttl of ${request.ttl} ms allows`,
    { key, retryable: true, ambiguous: false },
  );
}
