import type { Told } from "./messages.ts";

export type Fate = "killed" | "paused" | "partitioned";
export type Belief = "nothing yet" | "stands by" | "leads";

/** From when until when a keeper believed that it leads. */
export interface Reign {
  readonly keeper: number;
  readonly fence: number;
  readonly from: number;
  /** While it lasts: as far as is known. */
  until: number;
  end: string | undefined;
}

/** What was done to the leader. */
export interface Fault {
  readonly fate: Fate;
  readonly keeper: number;
  readonly at: number;
  /** Until when the leader believed in its lead, as it knew at that moment. */
  readonly believed: number;
  readonly fence: number;
}

/** What the keepers told, and what was done to them. */
export class History {
  readonly reigns: Reign[] = [];
  readonly faults: Fault[] = [];
  readonly skipped: { readonly keeper: number; readonly tick: number }[] = [];
  readonly beliefs = new Map<number, Belief>();
  readonly #told: Told[] = [];

  tell(told: Told): void {
    this.#told.push(told);
    const { kind, keeper, at } = told;
    const reign = this.reignOf(keeper);
    if (kind === "stands by") this.beliefs.set(keeper, kind);
    else if (kind === "skips") this.skipped.push(told);
    else if (kind === "leads") {
      this.beliefs.set(keeper, kind);
      this.reigns.push({ keeper, fence: told.fence, from: at, until: told.until, end: undefined });
    } else if (kind === "extended" && reign !== undefined) reign.until = told.until;
    else if (kind === "lost" && reign !== undefined) this.#end(reign, at, told.reason);
  }

  /** Undefined when it does not lead. */
  reignOf(keeper: number): Reign | undefined {
    return this.reigns.findLast((reign) => reign.keeper === keeper && reign.end === undefined);
  }

  fault(fate: Fate, reign: Reign, at: number): Fault {
    const { keeper, fence, until: believed } = reign;
    const fault = { fate, keeper, at, believed, fence };
    this.faults.push(fault);
    if (fate === "killed") {
      this.#end(reign, at, fate);
      this.beliefs.delete(keeper);
    }
    return fault;
  }

  /** Who led next. */
  successor(fault: Fault): Reign | undefined {
    return this.reigns.find((reign) => reign.keeper !== fault.keeper && reign.from > fault.at);
  }

  /** Whether a keeper has told this since. */
  hasTold(kind: Told["kind"], keeper: number, since: number): boolean {
    return this.#told.some((told) => told.kind === kind && told.keeper === keeper && told.at > since);
  }

  #end(reign: Reign, at: number, end: string): void {
    reign.until = Math.min(reign.until, at);
    reign.end = end;
  }
}
