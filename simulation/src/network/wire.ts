import type { SimulatedProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import type { Peer, Site } from "./site.ts";

/** How bad the network is. */
export interface Weather {
  /** Usual delay of one way, ms. */
  readonly delay: readonly [from: number, to: number];
  /** How often a way takes long, and how long at most, ms. */
  readonly slow: number;
  readonly slowest: number;
}

/** What a process hears of its end of a connection. */
export interface WireEnd {
  /** The connection is lost. */
  closed(): void;
  message(channel: string, text: string): void;
}

/** One connection of TCP: what is sent arrives in its order, or the connection is lost. */
export class Wire implements Peer {
  isOpen = true;
  readonly id: number;
  #wasDropped = false;
  /** Nothing gets through, and nobody notices, until then. */
  #halfOpenUntil = 0;
  /** The server does nothing of what comes on it before: it waits for its replicas. */
  #heldUntil = 0;
  #lastThere = 0;
  #lastBack = 0;

  constructor(
    private readonly world: World,
    private readonly process: SimulatedProcess,
    readonly site: Site,
    private readonly weather: Weather,
    private readonly random: Random,
    private readonly end: WireEnd,
  ) {
    this.id = site.accept(this);
  }

  /** Runs `work` at the server when what was sent has arrived there, if it does. */
  toServer(work: () => void): void {
    const at = Math.max(this.#lastThere, this.world.timeline.now + this.#delay());
    this.#lastThere = at;
    const isLost = this.#isHalfOpen;
    const arrive = () => {
      if (this.world.timeline.now < this.#heldUntil) this.world.timeline.at(this.#heldUntil, arrive);
      // What was under way when the process closed it still arrives.
      else if (!isLost && this.site.isUp && !this.#wasDropped) work();
    };
    this.world.timeline.at(at, arrive);
  }

  /** The server answers this one before it does anything else of what comes on this connection. */
  hold(ms: number, answer: () => void): void {
    this.#heldUntil = this.world.timeline.now + ms;
    this.world.timeline.at(this.#heldUntil, () => {
      if (this.site.isUp && !this.#wasDropped) answer();
    });
  }

  /** Runs `work` in the process when it has read what the server sent. */
  toProcess(work: () => void): void {
    if (this.#isHalfOpen) return;
    const at = Math.max(this.#lastBack, this.world.timeline.now + this.#delay());
    this.#lastBack = at;
    this.world.timeline.at(at, () => {
      if (this.isOpen && !this.#isHalfOpen) this.process.read(work);
    });
  }

  message(channel: string, text: string): void {
    this.toProcess(() => this.end.message(channel, text));
  }

  /** The server has closed it, or the network has: the process hears of it a little later. */
  drop(): void {
    if (this.#wasDropped) return;
    this.#wasDropped = true;
    this.site.leave(this);
    this.world.timeline.after(this.#delay(), () => this.process.read(() => this.#lose()));
  }

  /** For so long, nothing arrives in either direction; then it is lost. */
  goHalfOpen(ms: number): void {
    this.#halfOpenUntil = this.world.timeline.now + ms;
    this.world.timeline.after(ms, () => this.drop());
  }

  /** The process closes it. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    // The server sees the end behind all that was sent before.
    this.toServer(() => this.site.leave(this));
  }

  get #isHalfOpen(): boolean {
    return this.world.timeline.now < this.#halfOpenUntil;
  }

  #lose(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.end.closed();
  }

  #delay(): number {
    const { delay, slow, slowest } = this.weather;
    return this.random.chance(slow) ? this.random.between(delay[1], slowest) : this.random.between(...delay);
  }
}
