import { LockBackendError, UnconfirmedGrantError } from "../../contract/errors.ts";
import type { LockName } from "../../contract/mode.ts";
import type { BatchOptions } from "./batch.ts";
import { backendError } from "./faults.ts";
import { lockKeys } from "./keys.ts";
import { withDeadline } from "./script-runner.ts";

export interface ReplicationOptions extends BatchOptions {
  readonly fenceRetention: number;
  readonly minReplicas: number;
}

/** A write that changes nothing: replicas take writes in order, so who has it has all before it. */
const TOUCH = "return redis.call('PEXPIRE', KEYS[1], ARGV[1])";

/** Waits until enough replicas know what was granted. */
export class Replication {
  /** WAIT holds up all that is sent after it. */
  readonly #patience: number;
  #round: Promise<number> = Promise.resolve(0);
  #next: Promise<number> | undefined;

  constructor(private readonly options: ReplicationOptions) {
    this.#patience = Math.ceil(options.requestTimeout / 4);
  }

  /** Whether any replica has to know. */
  get isAsked(): boolean {
    return this.options.minReplicas > 0;
  }

  /** @throws UnconfirmedGrantError when too few replicas say in time that they know all that was granted before */
  async confirm(name: LockName): Promise<void> {
    const { driver, minReplicas } = this.options;
    let heard: number;
    try {
      heard = await (driver.deployment === "cluster" ? this.#ask(name) : this.#together(name));
    } catch (error) {
      const { message } = error instanceof LockBackendError ? error : backendError(error, name.key);
      throw new UnconfirmedGrantError(message, name.key, error);
    }
    if (heard >= minReplicas) return;
    throw new UnconfirmedGrantError(
      `${JSON.stringify(name.key)} was granted, then undone: only ${heard} of ${minReplicas} replicas (minReplicas) confirmed ` +
        `the grant within ${this.#patience} ms; check the replicas, or lower minReplicas`,
      name.key,
    );
  }

  /** One question for all that were granted since the last one was asked. */
  #together(name: LockName): Promise<number> {
    const begin = () => {
      this.#next = undefined;
      this.#round = this.#ask(name);
      return this.#round;
    };
    this.#next ??= this.#round.then(begin, begin);
    return this.#next;
  }

  /** How many replicas know; 0 when the connection was lost meanwhile, since WAIT is about its own writes only. */
  async #ask(name: LockName): Promise<number> {
    const { clock, driver, fenceRetention, minReplicas, requestTimeout } = this.options;
    const [, fence] = lockKeys(name);
    const steps = [
      () => driver.command(["CLIENT", "ID"], fence),
      () => driver.eval(TOUCH, [fence], [String(fenceRetention)]),
      () => driver.command(["WAIT", String(minReplicas), String(this.#patience)], fence),
      () => driver.command(["CLIENT", "ID"], fence),
    ];
    const work = driver.deployment === "cluster" ? inOrder(steps) : Promise.all(steps.map((step) => step()));
    const [before, touched, heard, after] = await withDeadline(clock, requestTimeout, name.key, work);
    return before === after && touched === 1 ? Number(heard) : 0;
  }
}

async function inOrder(steps: readonly (() => Promise<unknown>)[]): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const step of steps) results.push(await step());
  return results;
}
