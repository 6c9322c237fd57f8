import { asLostConnection } from "./lost-connection.ts";

/** Calls that are not answered for so long make it look who serves what now, and again as often; in milliseconds. */
const UNANSWERED = 250;

/** What is asked of a cluster client. */
export interface ClusterState {
  /** Whether it was not closed. */
  isOpen(): boolean;
  /** Finds out who serves what. */
  lookAgain(): Promise<unknown>;
}

/**
 * Watches over the calls of a cluster client, and has it look at its cluster again while some stay unanswered. By
 * themselves, clients do so when a node redirects them or closes the connection: one that has just died or stands still
 * does neither, and node-redis keeps the commands for it until it is back.
 */
export class ClusterCalls {
  readonly #since = new Map<symbol, number>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(private readonly cluster: ClusterState) {}

  async watch<T>(call: Promise<T>): Promise<T> {
    const id = Symbol();
    this.#since.set(id, performance.now());
    this.#arm();
    try {
      return await call;
    } catch (error) {
      throw asMoving(asLostConnection(error, this.cluster.isOpen()));
    } finally {
      this.#since.delete(id);
    }
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.#check(), UNANSWERED).unref();
  }

  #check(): void {
    this.#timer = undefined;
    const [oldest] = this.#since.values();
    if (oldest === undefined) return;
    this.#arm();
    if (this.#looking || performance.now() - oldest < UNANSWERED) return;
    this.#looking = true;
    const done = () => {
      this.#looking = false;
    };
    this.cluster.lookAgain().then(done, done);
  }
}

/** A redirection that the client did not follow to its end: the slot is on its way. */
function asMoving(error: unknown): unknown {
  if (!(error instanceof Error && /\b(MOVED|ASK)\b/.test(error.message))) return error;
  return new Error("TRYAGAIN the slot is being moved", { cause: error });
}

/** Any of the masters: each passes on what is published on the others. @throws Error when none is known */
export function anyOf<Node>(masters: readonly Node[]): Node {
  const node = masters[Math.floor(Math.random() * masters.length)];
  if (node === undefined) throw new Error("CLUSTERDOWN no master is known");
  return node;
}
