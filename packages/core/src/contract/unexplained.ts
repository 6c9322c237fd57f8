import type { Clock } from "./clock.ts";

/** By a symbol of all copies of the package: errors of one are told by another. */
const UNEXPLAINED = Symbol.for("@lock/core.unexplained");

/** Notes that it is not known whether a fault passes by itself. */
export function asUnexplained<Fault extends object>(fault: Fault): Fault {
  return Object.defineProperty(fault, UNEXPLAINED, { value: true });
}

export function isUnexplained(fault: unknown): boolean {
  return UNEXPLAINED in Object(fault);
}

/** For how long one caller's request is tried again after faults of which it is not known whether they pass. */
export class Doubt {
  #since: number | undefined;

  constructor(
    private readonly clock: Clock,
    /** Milliseconds, from the first such fault. */
    private readonly limit: number,
  ) {}

  /** How many milliseconds are left for that after a fault; infinite after others. */
  leftAfter(fault: object): number {
    if (!isUnexplained(fault)) return Number.POSITIVE_INFINITY;
    const now = this.clock.now().mono;
    this.#since ??= now;
    return this.#since + this.limit - now;
  }
}
