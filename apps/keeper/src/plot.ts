import { setTimeout as sleep } from "node:timers/promises";
import { machineTime } from "@lock/demo-kit";
import type { Crew } from "./crew.ts";
import type { Fate, Fault, History, Reign } from "./history.ts";
import type { Told, Write } from "./messages.ts";
import type { Network } from "./network.ts";
import type { Register } from "./register.ts";
import type { Timeline } from "./timeline.ts";

export interface Stage {
  readonly crew: Crew;
  readonly network: Network;
  readonly history: History;
  readonly register: Register;
  readonly timeline: Pick<Timeline, "say">;
  readonly stop: AbortSignal;
}

const LOOK_EVERY_MS = 10;
/** A keeper that has asked for no price for so long waits for its next tick. */
const IDLE_MS = 300;
/** What does not come within this time is not waited for: the verdict tells of it. */
const PATIENCE_MS = 12_000;

/** What is done to whoever leads, and what the market and the register answer. */
export class Plot {
  #paused: number | undefined;
  #isToPause = false;
  /** When a price was asked for last. */
  #askedAt = 0;

  constructor(private readonly stage: Stage) {}

  async run(fates: readonly Fate[]): Promise<void> {
    for (const fate of fates) {
      const { keeper } = await this.#whenLeaderRan();
      if (fate === "killed") await this.#kill(keeper);
      else if (fate === "paused") await this.#pause();
      else await this.#partition(keeper);
    }
    await this.#whenLeaderRan();
  }

  /** The market answers at once, unless the keeper is to be paused in the middle of its run. */
  asked({ keeper }: Told): void {
    this.#askedAt = machineTime();
    if (this.#isToPause) {
      this.#isToPause = false;
      this.#paused = keeper;
      this.stage.crew.signal(keeper, "SIGSTOP");
    } else this.#answer(keeper);
  }

  wrote({ keeper, at }: Told, write: Write): boolean {
    const isAccepted = this.stage.register.write(keeper, write, at);
    this.stage.crew.send(keeper, { kind: "written", isAccepted });
    return isAccepted;
  }

  #answer(keeper: number): void {
    this.stage.crew.send(keeper, { kind: "price", price: 100 + Math.round(Math.random() * 500) / 100 });
  }

  async #kill(keeper: number): Promise<void> {
    const { crew, timeline } = this.stage;
    const fault = this.#fault("killed", keeper);
    crew.kill(keeper);
    timeline.say("is killed (SIGKILL)", keeper, "gone");
    // Behind the one that stands by already.
    const started = crew.start(keeper);
    await this.#takenOver(fault);
    await started;
    await this.#when(() => this.stage.history.hasTold("stands by", keeper, fault.at));
  }

  async #pause(): Promise<void> {
    const { crew, history, register, timeline } = this.stage;
    this.#isToPause = true;
    await this.#when(() => this.#paused !== undefined);
    const keeper = this.#paused;
    if (keeper === undefined) return;
    const fault = this.#fault("paused", keeper);
    timeline.say("is paused (SIGSTOP) before it writes a price", keeper, "paused");
    await this.#takenOver(fault);
    const refused = register.refused.length;
    this.#paused = undefined;
    timeline.say("goes on (SIGCONT) and writes that price", keeper);
    crew.signal(keeper, "SIGCONT");
    this.#answer(keeper);
    await this.#when(
      () => register.refused.length > refused && history.hasTold("stands by", keeper, fault.at),
    );
  }

  async #partition(keeper: number): Promise<void> {
    const { network, history, timeline } = this.stage;
    // In the middle of a run it could not keep the tick's key, and its successor would run that tick again.
    await this.#when(() => machineTime() - this.#askedAt > IDLE_MS);
    const fault = this.#fault("partitioned", keeper);
    network.cutOff(keeper);
    timeline.say("is cut off from all nodes, without notice", keeper);
    await this.#takenOver(fault);
    await this.#when(() => history.hasTold("lost", keeper, fault.at));
    network.heal(keeper);
    timeline.say("can reach the nodes again", keeper);
  }

  #fault(fate: Fate, keeper: number): Fault {
    const { history } = this.stage;
    const reign = history.reignOf(keeper) ?? { keeper, fence: 0, from: 0, until: 0, end: undefined };
    return history.fault(fate, reign, machineTime());
  }

  /** The other one leads, and has written something. */
  async #takenOver(fault: Fault): Promise<void> {
    const { history, register } = this.stage;
    await this.#when(() => {
      const next = history.successor(fault);
      return next !== undefined && register.accepted.some(({ fence }) => fence === next.fence);
    });
  }

  /** Whoever leads has run a tick, while the other one stands by. */
  async #whenLeaderRan(): Promise<Reign> {
    const { history } = this.stage;
    const since = machineTime();
    let leader: Reign | undefined;
    const isTime = () => {
      leader = history.reigns.findLast(({ end }) => end === undefined);
      const standby = [...history.beliefs.values()].includes("stands by");
      return leader !== undefined && standby && history.hasTold("ran", leader.keeper, since);
    };
    await this.#when(isTime);
    return leader ?? { keeper: 1, fence: 0, from: 0, until: 0, end: undefined };
  }

  async #when(isTime: () => boolean): Promise<void> {
    const limit = machineTime() + PATIENCE_MS;
    while (!isTime() && machineTime() < limit) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.stage.stop });
    }
  }
}
