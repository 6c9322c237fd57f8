import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the ephemeral ranges of Linux and macOS. A server that is down for a moment must not lose its port to an
// outgoing connection, and a client that keeps reconnecting to an ephemeral port can end up connected to itself.
const END = 32_768;
/** The nodes of a Redis Cluster talk to each other on a port so far above the one for clients. */
export const BUS = 10_000;

/**
 * Ports are given out of blocks. A process owns a block while it listens on the first port of it. So no other process
 * is given the port of a server that is down for a moment, and the system frees the block when its owner ends.
 */
const BLOCK = 64;

class Ports {
  readonly #start: number;
  readonly #blocks: number;
  #next = 0;
  #end = 0;
  #owning: Promise<void> = Promise.resolve();

  constructor(start: number, end: number) {
    this.#start = start;
    this.#blocks = Math.floor((end - start) / BLOCK);
  }

  /** The first of `count` ports that follow each other, and that were not given before. */
  async take(count: number): Promise<number> {
    while (this.#next + count > this.#end) {
      this.#owning = this.#owning.then(() => this.#ownAnother(count));
      await this.#owning;
    }
    const first = this.#next;
    this.#next += count;
    return first;
  }

  async #ownAnother(count: number): Promise<void> {
    // Somebody who asked at the same time owns one by now.
    if (this.#next + count <= this.#end) return;
    for (let attempt = 0; attempt < 10 * this.#blocks; attempt++) {
      const block = this.#start + randomInt(this.#blocks) * BLOCK;
      if (!(await own(block))) continue;
      this.#next = block + 1;
      this.#end = block + BLOCK;
      return;
    }
    throw new Error(`other processes own all ports of 127.0.0.1 from ${this.#start} that tests use`);
  }
}

const FIRST_WITH_BUS = 20_000;
const FIRST_BUS = FIRST_WITH_BUS + BUS;
const FIRST = FIRST_WITH_BUS + Math.floor((END - FIRST_BUS) / BLOCK) * BLOCK;

const withBus = new Ports(FIRST_WITH_BUS, FIRST);
const plain = new Ports(FIRST, FIRST_BUS);

const ATTEMPTS = 200;

/**
 * A port on 127.0.0.1 that nothing listens on. No other call and no other process is given it while this process lives.
 * The same goes for the `count - 1` ports that follow it.
 */
export async function findFreePort(count = 1): Promise<number> {
  if (!(count < BLOCK))
    throw new RangeError(`count is ${count}; at most ${BLOCK - 1} ports follow each other`);
  return findFree(plain, count, [...Array(count).keys()]);
}

/** The same for a node of a Redis Cluster, and for the port {@link BUS} above it. */
export function findPortWithBus(): Promise<number> {
  return findFree(withBus, 1, [0, BUS]);
}

/** The first of `count` ports, where nothing listens at any of the offsets from it. */
async function findFree(ports: Ports, count: number, offsets: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await ports.take(count);
    const free = await Promise.all(offsets.map((offset) => canListen(first + offset)));
    if (!free.includes(false)) return first;
  }
  throw new Error(`no free ports found on 127.0.0.1 in ${ATTEMPTS} attempts`);
}

/** Listens until this process ends, without keeping it alive. */
function own(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const owner = createServer((socket) => socket.destroy());
    owner.once("error", () => resolve(false));
    owner.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(true)).unref();
  });
}

/** Whether nothing listens on a port of 127.0.0.1. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
