import type { RedisDriver } from "./driver.ts";

/** The server's own word that keys of different hash slots may not meet in one command. None of it was executed. */
const CROSSSLOT = /\bCROSSSLOT\b/;

/**
 * Whether a command may have keys of several hash slots. A plain client may be connected to a server that is
 * cluster-enabled (a managed one, a proxy), and does not know it: so it is learnt from the server.
 */
export class Slots {
  #matter: boolean;

  constructor({ deployment }: RedisDriver) {
    this.#matter = deployment === "cluster";
  }

  /** Whether one command may have keys of one slot only. */
  get matter(): boolean {
    return this.#matter;
  }

  /** Takes note of an error; whether it says that slots matter. */
  learn(error: unknown): boolean {
    if (!(error instanceof Error && CROSSSLOT.test(error.message))) return false;
    this.#matter = true;
    return true;
  }
}
