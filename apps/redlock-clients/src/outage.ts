import { setTimeout as sleep } from "node:timers/promises";
import { machineTime } from "@lock/demo-kit";
import type { History } from "./history.ts";
import { nameOf } from "./messages.ts";
import type { Nodes } from "./nodes.ts";
import type { Options } from "./options.ts";

/** What the demo did to the nodes. */
export interface Incident {
  readonly at: number;
  readonly time: string;
  readonly client: "demo";
  readonly what: "killed" | "returned";
  readonly nodes: readonly number[];
}

/** Nobody waits longer than this for refusals that do not come: the verdict tells of them. */
const LONGEST_OUTAGE_MS = 9_000;
const LOOK_EVERY_MS = 50;

/**
 * Kills nodes in the middle, the first ones, in whose queue clients wait: the worst that can be lost. Of three, one comes
 * back when each client that still had work to do has been refused.
 */
export class Outage {
  killed: Incident | undefined;
  returned: Incident | undefined;
  #work: Promise<void> | undefined;

  constructor(
    private readonly options: Options,
    private readonly nodes: Nodes,
    private readonly history: History,
    private readonly say: (incident: Incident) => void,
  ) {}

  /** To be called at each acquisition: kills while somebody holds the lock. */
  onAcquired(stop: AbortSignal): void {
    const { kill, clients, turns } = this.options;
    const isTime = this.history.holds.length >= Math.ceil((clients * turns) / 3);
    if (kill === 0 || !isTime || this.#work !== undefined) return;
    this.#work = this.#run(kill, stop);
    // over() tells of a failure.
    this.#work.catch(() => undefined);
  }

  /** Settles when everything that was to be done to the nodes is done. */
  async over(): Promise<void> {
    await this.#work;
  }

  async #run(kill: number, stop: AbortSignal): Promise<void> {
    const victims = Array.from({ length: kill }, (_, index) => index + 1);
    await this.nodes.kill(victims);
    this.killed = this.#tell("killed", victims);
    if (kill === 2) return;
    const limit = machineTime() + LONGEST_OUTAGE_MS;
    while (!this.#isRefusedToAll() && machineTime() < limit) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: stop });
    }
    const [first = 1] = victims;
    // Before it is started: it may grant before we hear that it runs.
    this.returned = this.#tell("returned", [first]);
    await this.nodes.bringBack(first);
  }

  #isRefusedToAll(): boolean {
    const { clients, turns } = this.options;
    const names = Array.from({ length: clients }, (_, index) => nameOf(index + 1));
    const busy = names.filter((name) => this.history.done(name) < turns);
    return busy.every((name) => this.history.refusals.some(({ client }) => client === name));
  }

  #tell(what: Incident["what"], nodes: readonly number[]): Incident {
    const incident: Incident = {
      at: machineTime(),
      time: new Date().toISOString(),
      client: "demo",
      what,
      nodes,
    };
    this.say(incident);
    return incident;
  }
}
