import { createLocks, type Lease, type LocksWithoutPermits } from "../../../src/index.ts";
import { quorumBackend } from "../../../src/quorum.ts";
import { Link, SimulatedNode, type Weather } from "./network.ts";
import { Random } from "./random.ts";
import { MachineClock, Timeline } from "./timeline.ts";

/** What a seed does not decide. */
export interface SimulationOptions {
  /** Planted faults that must be found. */
  readonly amnesiacsVote?: boolean;
  /** How much too fast or slow clocks run at most; the real code allows 1 % between two of them. Default 0.004. */
  readonly drift?: number;
}

export interface Outcome {
  readonly seed: number;
  readonly grants: number;
  /** What went wrong; empty when nothing did. */
  readonly violations: readonly string[];
}

interface Grant {
  readonly client: number;
  readonly lease: Lease;
  isOver: boolean;
}

const TTL = 400;
const DURATION = 4_000;
const KEY = "key";
/** When a node that lost its data votes again: after the longest ttl, and the second that proposals are ahead. */
const MEMBER_AGAIN = TTL + 1_000 + 600;
/** Clocks may show any time while nodes keep their data, and differ by less than the longest ttl when one loses it. */
const MOST_OFFSET = 30_000;
const MOST_OFFSET_WITH_LOSS = 0.45 * TTL;

/** One history: a few clients want one key, of nodes that fail, by a network that fails. All of it follows from the seed. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const systemRandom = Math.random;
  const random = new Random(seed);
  Math.random = random.next;
  try {
    return await new Simulation(seed, random, options).run();
  } finally {
    Math.random = systemRandom;
  }
}

class Simulation {
  readonly #timeline = new Timeline();
  readonly #nodes: SimulatedNode[];
  readonly #clocks: MachineClock[];
  readonly #grants: Grant[] = [];
  readonly #violations: string[] = [];
  readonly #losesData: boolean;

  constructor(
    private readonly seed: number,
    private readonly random: Random,
    private readonly options: SimulationOptions,
  ) {
    this.#losesData = random.chance(0.6);
    const votesAnyway = options.amnesiacsVote === true;
    const nodes = 3 + random.index(3);
    this.#nodes = Array.from({ length: nodes }, () => new SimulatedNode(this.#clock(), votesAnyway));
    this.#clocks = Array.from({ length: 2 + random.index(3) }, () => this.#clock());
  }

  async run(): Promise<Outcome> {
    const weather = this.#weather();
    const all = this.#clocks.map((clock, index) => this.#open(clock, weather, index));
    this.#plan(() => this.#disturb(), 10, 400);
    await this.#timeline.run(DURATION, () => this.#check());
    for (const { locks, clock } of all) {
      clock.whenAwake(() => undefined);
      void locks.close();
    }
    return { seed: this.seed, grants: this.#grants.length, violations: this.#violations };
  }

  #clock(): MachineClock {
    const { drift = 0.004 } = this.options;
    const rate = 1 + this.random.between(-drift, drift);
    const most = this.#losesData ? MOST_OFFSET_WITH_LOSS : MOST_OFFSET;
    return new MachineClock(this.#timeline, rate, this.random.between(-most, most));
  }

  #weather(): Weather {
    const { random } = this;
    return {
      loss: random.chance(0.5) ? 0 : random.between(0, 0.1),
      duplicate: random.chance(0.5) ? 0 : random.between(0, 0.2),
      slow: random.between(0, 0.2),
      slowest: random.chance(0.3) ? 900 : 60,
      // Below the ttl, and above it.
      requestTimeout: random.chance(0.5) ? 150 : 500,
    };
  }

  #open(clock: MachineClock, weather: Weather, index: number) {
    const links = this.#nodes.map(
      (node) => new Link(this.#timeline, this.random, weather, clock, node).backend,
    );
    const backend = quorumBackend(links, { nodeTimeout: 60, maxTtl: TTL });
    const locks = createLocks({ backend, ttl: TTL, holder: `client ${index}` });
    this.#timeline.after(this.random.between(0, 100), () =>
      clock.whenAwake(() => void this.#work(locks, clock, index)),
    );
    return { locks, clock };
  }

  /** Acquires, holds for a while and releases, again and again. */
  async #work(locks: LocksWithoutPermits, clock: MachineClock, client: number): Promise<void> {
    const { random } = this;
    const sleep = (ms: number) => new Promise<void>((resume) => clock.setTimer(resume, ms));
    for (;;) {
      try {
        const renew = random.chance(0.7);
        const lease = await locks.acquire(KEY, { wait: random.between(0, 3_000) | 0, renew });
        const grant = { client, lease, isOver: false };
        this.#note(grant);
        await sleep(random.chance(0.2) ? random.between(100, 900) : random.between(0, 40));
        grant.isOver = true;
        await lease.release();
      } catch {
        // Contention and outages are what this is about.
      }
      await sleep(random.between(0, 60));
    }
  }

  #note(grant: Grant): void {
    const last = this.#grants.at(-1);
    this.#grants.push(grant);
    if (last !== undefined && grant.lease.fencingToken <= last.lease.fencingToken) {
      this.#report(`client ${grant.client} got ${grant.lease.fencingToken} after ${last.lease.fencingToken}`);
    }
  }

  /** At no moment do two of them believe that they have the key. */
  #check(): void {
    const believers = this.#grants.filter(({ isOver, lease }) => !isOver && lease.validFor > 0);
    if (believers.length > 1) {
      this.#report(`clients ${believers.map(({ client }) => client).join(" and ")} believe at once`);
    }
    for (const grant of this.#grants) if (!grant.isOver && grant.lease.validFor === 0) grant.isOver = true;
  }

  #report(what: string): void {
    if (this.#violations.length < 5) this.#violations.push(`at ${this.#timeline.now.toFixed(1)} ms: ${what}`);
  }

  /** One thing goes wrong, and rights itself after a while. */
  #disturb(): void {
    const { random } = this;
    const pause = random.chance(0.5) ? random.between(1, 40) : random.between(40, 1_200);
    if (random.chance(0.3)) {
      this.#clocks[random.index(this.#clocks.length)]?.pause(pause);
      return;
    }
    const node = this.#nodes[random.index(this.#nodes.length)];
    if (node === undefined || node.isDown) return;
    // At most one is without its data at a time: two would be a majority of three.
    const isAlone = this.#nodes.every(({ isDown }) => !isDown);
    node.isDown = true;
    if (this.#losesData && isAlone && random.chance(0.6) && this.#mayForget()) node.loseData();
    this.#timeline.after(pause, () => {
      node.isDown = false;
    });
  }

  #forgotAt = Number.NEGATIVE_INFINITY;

  /** The next may lose its data when the last one has its vote again. */
  #mayForget(): boolean {
    if (this.#timeline.now - this.#forgotAt < MEMBER_AGAIN) return false;
    this.#forgotAt = this.#timeline.now;
    return true;
  }

  #plan(work: () => void, least: number, most: number): void {
    this.#timeline.after(this.random.between(least, most), () => {
      work();
      this.#plan(work, least, most);
    });
  }
}
