import { type AddedJob, isRemoved, isWaiting, type QueueLike, queueId } from "./bullmq.ts";
import { type Claim, claimOf, type NewClaim, stands } from "./claims.ts";
import { isLockError, LockUsageError, show } from "./core.ts";
import { Duplicates, type NewJob, type Request, Sight } from "./duplicates.ts";
import { DuplicateJobError, isOutage } from "./errors.ts";
import type { JobOwner } from "./options.ts";
import type { GuardParts } from "./parts.ts";

/** Claims that come and go, and never with a job, are no reason to look for ever. */
const MOST_LOOKS = 200;

/** What became of an `add`. */
export type AddResult<Job> =
  | { readonly added: true; readonly job: Job }
  /** `existing`: the job that is there already. */
  | { readonly added: false; readonly existing: JobOwner };

type Result = AddResult<AddedJob>;

/** A request that nothing keeps from being added. Its claim has no token where it goes without one. */
interface Ready {
  readonly request: Request;
  readonly claim: NewClaim;
}

/** "taken": another job has the key, or got it meanwhile. */
type Outcome = Result | "taken";

/** The side of `add`: claims keys, and adds the jobs of those that are free. */
export class Adds {
  readonly #guard: GuardParts;
  readonly #duplicates: Duplicates;

  constructor(guard: GuardParts) {
    this.#guard = guard;
    this.#duplicates = new Duplicates(guard);
  }

  /** Adds those whose keys are free together, and then each of the others when it is known what is in its way. */
  async add(queue: QueueLike, jobs: readonly NewJob[]): Promise<Result[]> {
    this.#duplicates.note(queue);
    const all = jobs.map((job) => this.#ready(this.#request(queue, job)));
    const claimed = await this.#allOrNone(
      all,
      all.map((one) => this.#claim(one)),
    );
    const ready = claimed.filter((one) => one !== undefined);
    const outcomes = await this.#addReady(queue, ready);
    const results = new Map(ready.map(({ request }, index) => [request, outcomes[index]]));
    // Those of one key one after the other: where the latest is to win, that is the last one.
    const turns = new Map<string, Promise<unknown>>();
    return Promise.all(
      all.map(({ request }) => {
        const outcome = results.get(request) ?? "taken";
        if (outcome !== "taken") return outcome;
        const before = turns.get(request.name) ?? Promise.resolve();
        const turn = before.then(() => this.#addWhenFree(request));
        turns.set(request.name, turn);
        return turn;
      }),
    );
  }

  /** Where one step fails, all claims are given back. @throws what it failed with */
  async #allOrNone<T>(all: readonly Ready[], steps: readonly Promise<T>[]): Promise<T[]> {
    const ended = await Promise.allSettled(steps);
    if (ended.some(({ status }) => status === "rejected")) {
      await Promise.allSettled(all.map(({ claim }) => this.#guard.claims.giveBack(claim)));
    }
    return Promise.all(steps);
  }

  /** @throws LockUsageError for what cannot be claimed */
  #request(queue: QueueLike, job: NewJob): Request {
    const { jobId, repeat } = job.opts ?? {};
    if (repeat !== undefined) {
      throw new LockUsageError(
        'a repeated job cannot be claimed by add: guard its execution, with the strategy "while-executing"',
      );
    }
    if (jobId !== undefined && (typeof jobId !== "string" || /^$|^\d+$|:|^guard-/.test(jobId))) {
      throw new LockUsageError(
        `a jobId must not be a whole number, contain ":" or begin with "guard-", got ${show(jobId)}: write "report-42", or leave it to the guard`,
      );
    }
    const facts = { queue: queue.name, name: job.name, data: job.data };
    const asked = { queue: queueId(queue), jobId };
    return { queue, job, asked, ...this.#guard.keys.of(facts, asked.queue) };
  }

  /** @throws LockUsageError for a delay that no claim outlasts */
  #ready(request: Request): Ready {
    const { queue, job, name, asked } = request;
    const delay = job.opts?.delay ?? queue.defaultJobOptions?.delay;
    return { request, claim: this.#guard.claims.create(name, asked, delay) };
  }

  /** Undefined when another job has claimed the key. */
  async #claim(ready: Ready): Promise<Ready | undefined> {
    const { request, claim } = ready;
    // The child of a flow is never left out: its parent would wait for it.
    if (request.job.opts?.parent !== undefined) return unclaimed(ready);
    try {
      return (await this.#guard.claims.take(claim, request.queue)) ? ready : undefined;
    } catch (error) {
      return this.#unlocked(error, ready);
    }
  }

  /** Tells of a job that is added although the locks cannot be reached. @throws what is no such case */
  #unlocked(error: unknown, ready: Ready): Ready {
    const { request, claim } = ready;
    if (this.#guard.options.onBackendError !== "run-unlocked" || !isOutage(error)) throw error;
    this.#guard.events.emit("unguarded", { key: request.key, job: claim.owner, reason: "backend" });
    return unclaimed(ready);
  }

  /** What kept each from being added, or what came of it. */
  async #addReady(queue: QueueLike, ready: readonly Ready[]): Promise<Outcome[]> {
    const obstacles = await this.#allOrNone(
      ready,
      ready.map((one) => this.#obstacle(one)),
    );
    // Where something fails from here on, jobs may have been added: the next `add` of their keys finds out.
    const going = ready.filter((_, index) => obstacles[index] === undefined);
    const jobs = await addTo(queue, going.map(jobOf));
    const settling = going.map((one, index) => this.#settle(one, jobs[index]));
    const outcomes = await Promise.all(settling);
    return ready.map((one, index) => obstacles[index] ?? outcomes[going.indexOf(one)] ?? "taken");
  }

  /** What keeps a job from being added. */
  async #obstacle(ready: Ready): Promise<Outcome | undefined> {
    const { request, claim } = ready;
    // BullMQ ignores a job whose id it knows, and does not say so.
    const isThere = isChosen(ready) && (await request.queue.getJob(claim.owner.jobId));
    if (isThere) return this.#refuse(request, claim.owner, claim);
    try {
      return (await this.#guard.claims.isOurs(claim)) ? undefined : "taken";
    } catch (error) {
      this.#unlocked(error, ready);
      return undefined;
    }
  }

  async #settle(ready: Ready, job?: AddedJob): Promise<Outcome> {
    const { request, claim } = ready;
    const { queue, key } = request;
    const { owner } = claim;
    if (job === undefined) return "taken";
    // BullMQ's own deduplication.
    if (job.id !== undefined && job.id !== owner.jobId) {
      return this.#refuse(request, { queue: owner.queue, jobId: job.id }, claim);
    }
    // Another job may have been given the same id at the same time.
    const stored = isChosen(ready) ? await queue.getJob(owner.jobId) : undefined;
    if (stored && !isClaimOf(stored, claim)) return this.#refuse(request, owner, claim);
    try {
      return (await this.#isKept(request, claim)) ? { added: true, job } : "taken";
    } catch (error) {
      // It is in its queue: a caller that is told otherwise adds it again.
      if (!isLockError(error)) throw error;
      this.#guard.events.emit("unguarded", { key, job: owner, reason: "backend" });
      return { added: true, job };
    }
  }

  /** False: another job has taken the key meanwhile, and this one was taken back. */
  async #isKept({ queue, key }: Request, claim: NewClaim): Promise<boolean> {
    const kept = await this.#guard.claims.keep(claim, queue);
    if (kept === "kept") return true;
    const stored = await queue.getJob(claim.owner.jobId);
    const state = stored ? await stored.getState() : "unknown";
    const isStanding = stands(claim.strategy, state);
    if (kept === "retaken") {
      // Its worker had ended it.
      if (!isStanding) await this.#guard.claims.giveBack(claim);
      return true;
    }
    // One that waits was taken for one that never came.
    if (stored?.attemptsStarted === 0 && isWaiting(state) && (await isRemoved(stored))) return false;
    if (isStanding) this.#guard.events.emit("unguarded", { key, job: claim.owner, reason: "claim-ended" });
    return true;
  }

  async #addWhenFree(request: Request): Promise<Result> {
    const { key, queue } = request;
    const sight = new Sight();
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const found = await this.#duplicates.decide(request, sight).catch((error) => {
        return this.#unlocked(error, this.#ready(request));
      });
      if (found !== undefined && "jobId" in found) return this.#refuse(request, found);
      const ready = found ?? (await this.#claim(this.#ready(request)));
      const [outcome = "taken"] = await this.#addReady(queue, ready === undefined ? [] : [ready]);
      if (outcome !== "taken") return outcome;
    }
    throw new Error(`the key "${key}" was claimed again and again, and no job came of it`);
  }

  /** @throws DuplicateJobError where duplicates are to throw */
  async #refuse({ asked, key }: Request, existing: JobOwner, claim?: Claim): Promise<Result> {
    if (claim !== undefined) await this.#guard.claims.giveBack(claim);
    this.#guard.events.emit("duplicate", { key, job: asked, existing });
    if (this.#guard.options.onConflict?.enqueue === "throw") throw new DuplicateJobError(key, existing);
    return { added: false, existing };
  }
}

function unclaimed({ request, claim }: Ready): Ready {
  return { request, claim: { ...claim, token: undefined } };
}

/** Whether its producer chose the id of a job that may be left out. */
function isChosen({ request: { job, asked } }: Ready): boolean {
  return asked.jobId !== undefined && job.opts?.parent === undefined;
}

function isClaimOf(stored: AddedJob, { name, token }: Claim): boolean {
  const claim = claimOf(stored);
  return claim?.name === name && claim.token === token;
}

function jobOf({ request: { job }, claim }: Ready) {
  const { name: jobName, data, opts } = job;
  const { owner, name, strategy, token } = claim;
  const guard = { v: 1, owner, name, strategy, token };
  return { name: jobName, data, opts: { ...opts, jobId: owner.jobId, guard } };
}

/** As BullMQ does it by itself: one job is no bulk. */
async function addTo(queue: QueueLike, jobs: ReturnType<typeof jobOf>[]): Promise<AddedJob[]> {
  const [only] = jobs;
  if (only === undefined) return [];
  return jobs.length > 1 ? queue.addBulk(jobs) : [await queue.add(only.name, only.data, only.opts)];
}
