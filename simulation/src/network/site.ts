import { createHash } from "node:crypto";
import type { Vm } from "../lua/vm.ts";
import type { Keyspace } from "../redis/keyspace.ts";
import { Server } from "../redis/server.ts";
import { type ClockRate, EPOCH } from "../world/process.ts";
import type { World } from "../world/world.ts";

/** A connection, as its server sees it. */
export interface Peer {
  /** The server is gone, or has closed it. */
  drop(): void;
  /** A message on a channel. */
  message(channel: string, text: string): void;
}

/** How long a replica takes to hear of a write, ms. */
const REPLICATION = 0.3;

const NONSENSE = [
  "",
  " ",
  "x".repeat(64),
  "x".repeat(10_000),
  "a b c",
  "notice ",
  "notice lock ",
  "notice lock {]",
  "\u0000",
];

/** A machine with one Redis server: its clock, its connections, and whether it is up. */
export class Site {
  isUp = true;
  readonly server: Server;
  readonly peers = new Set<Peer>();
  /** Who hears what is published here; of a pair of nodes behind one name, those of the other one do not. */
  readonly #subscribed = new Map<string, Set<Peer>>();
  #offset: number;
  #runs = 0;
  #accepted = 0;
  #copies = 1;
  #replicasFrom = 0;

  constructor(
    readonly name: string,
    private readonly world: World,
    vm: Vm,
    private readonly rate: ClockRate,
  ) {
    this.#offset = rate.offset;
    this.server = new Server({
      vm,
      now: () => this.now,
      publish: (channel, message) => this.publish(channel, message),
      runId: () =>
        createHash("sha1")
          .update(`${name} ${this.#runs++}`)
          .digest("hex"),
    });
  }

  /** Microseconds since the Unix epoch, by its clock. */
  get now(): number {
    return Math.floor((EPOCH + this.#offset + this.world.timeline.now * this.rate.rate) * 1_000);
  }

  stepClock(ms: number): void {
    this.#offset += ms;
  }

  subscribe(peer: Peer, channel: string): void {
    const those = this.#subscribed.get(channel) ?? new Set();
    this.#subscribed.set(channel, those.add(peer));
  }

  /** Opens a connection. Returns its number. */
  accept(peer: Peer): number {
    this.peers.add(peer);
    this.#accepted += 1;
    return this.#accepted;
  }

  leave(peer: Peer): void {
    this.peers.delete(peer);
    for (const those of this.#subscribed.values()) those.delete(peer);
  }

  publish(channel: string, message: string): number {
    const those = this.#subscribed.get(channel) ?? new Set();
    for (const peer of those) {
      for (let copy = 0; copy < this.#copies; copy++) peer.message(channel, message);
    }
    return those.size;
  }

  get subscriptions(): number {
    let count = 0;
    for (const those of this.#subscribed.values()) count += those.size;
    return count;
  }

  /** How many copies of each message its subscribers get from now on. */
  copies(count: number): void {
    this.#copies = count;
  }

  /** Tells everybody who waits here to ask, and then what nobody understands, on every channel. */
  forge(): void {
    const forged = [...this.server.waiting(), ...NONSENSE];
    for (const [channel, those] of this.#subscribed) {
      for (const peer of those) for (const text of forged) peer.message(channel, text);
    }
  }

  /** No replica hears of anything for so long. */
  loseReplicas(ms: number): void {
    this.#replicasFrom = Math.max(this.#replicasFrom, this.world.timeline.now + ms);
  }

  /** WAIT: after how many milliseconds its replica has all that was written until now; undefined: not in time. */
  replicates(patience: number): number | undefined {
    const after = Math.max(REPLICATION, this.#replicasFrom - this.world.timeline.now + REPLICATION);
    return after <= patience ? after : undefined;
  }

  /** It crashes, and comes back after so long, with what `keeps` makes of its data. */
  crash(ms: number, keeps: (keys: Keyspace) => Keyspace): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.dropAll();
    this.world.timeline.after(ms, () => {
      this.server.restart(keeps(this.server.keys));
      this.isUp = true;
    });
  }

  /** Every connection is closed. */
  dropAll(): void {
    for (const peer of [...this.peers]) peer.drop();
  }
}
