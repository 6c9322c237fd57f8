import type { RedisDriver, Subscriber, SubscriberEars } from "@lock/core/testing";
import { CommandError, type Reply, toBytes, toText } from "../redis/reply.ts";
import type { SimulatedProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import type { Site } from "./site.ts";
import { type Weather, Wire } from "./wire.ts";

/**
 * What a client library does with commands that a lost connection leaves unanswered: it sends them again, as ioredis
 * does, or rejects them, as node-redis does. `refuses`: it rejects also what is asked of it while it has no connection.
 */
export type Retries = "resends" | "rejects" | "refuses";

interface Call {
  readonly words: readonly string[];
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

const CONNECT_AGAIN: readonly [number, number] = [20, 200];

/** A client of one server, as one process has it: one connection for commands, and one for each subscriber. */
export class Client {
  readonly driver: RedisDriver;
  #wire: Wire | undefined;
  #queue: Call[] = [];
  #unanswered: Call[] = [];
  #isClosed = false;
  readonly subscribers = new Set<Wire>();

  constructor(
    private readonly world: World,
    private readonly process: SimulatedProcess,
    /** Where commands go, and where subscribers are opened: behind one name there may be several nodes. */
    private readonly sites: { readonly commands: () => Site; readonly messages: () => Site },
    private readonly weather: Weather,
    private readonly random: Random,
    private readonly retries: Retries,
  ) {
    const run = (words: readonly string[]) => this.#call(words);
    this.driver = {
      name: "simulated",
      address: sites.commands().name,
      deployment: "single",
      keyPrefix: "",
      evalsha: (sha, keys, args) => run(["EVALSHA", sha, String(keys.length), ...keys, ...args]),
      eval: (source, keys, args) => run(["EVAL", source, String(keys.length), ...keys, ...args]),
      command: run,
      openSubscriber: (ears, until) => this.#openSubscriber(ears, until),
      ...(retries === "resends" && { connections: () => (this.#wire === undefined ? [] : [this.#wire]) }),
    };
    this.#connect();
  }

  /** The connection for commands, while there is one. */
  get wire(): Wire | undefined {
    return this.#wire;
  }

  close(): void {
    this.#isClosed = true;
    this.#wire?.close();
  }

  /** Its process is gone. */
  kill(): void {
    this.close();
    for (const wire of this.subscribers) wire.close();
  }

  #call(words: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = { words: words.map(toBytes), resolve, reject };
      if (this.#wire !== undefined) this.#send(this.#wire, call);
      else if (this.retries === "refuses") {
        reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
      } else this.#queue.push(call);
    });
  }

  #send(wire: Wire, call: Call): void {
    this.#unanswered.push(call);
    const tell = (answer: unknown) =>
      wire.toProcess(() => {
        this.#unanswered = this.#unanswered.filter((other) => other !== call);
        if (answer instanceof Error) call.reject(answer);
        else call.resolve(answer);
      });
    wire.toServer(() => {
      const [name, , patience] = call.words;
      // The number of a connection, which every new one has of its own.
      if (name === "CLIENT") tell(wire.id);
      else if (name === "WAIT") waitForReplica(wire, Number(patience), tell);
      else tell(answerOf(wire.site, call.words));
    });
  }

  #connect(): void {
    if (this.#isClosed || this.process.isDead) return;
    const site = this.sites.commands();
    this.world.timeline.after(this.random.between(0.2, 2), () => {
      if (!site.isUp) return this.#connectLater();
      this.process.read(() => {
        if (!this.#isClosed && site.isUp) this.#connected(site);
        else this.#connectLater();
      });
    });
  }

  #connectLater(): void {
    this.world.timeline.after(this.random.between(...CONNECT_AGAIN), () => this.#connect());
  }

  #connected(site: Site): void {
    const wire = new Wire(this.world, this.process, site, this.weather, this.random, {
      closed: () => this.#lost(),
      message: () => undefined,
    });
    this.#wire = wire;
    for (const call of this.#queue.splice(0)) this.#send(wire, call);
  }

  #lost(): void {
    this.#wire = undefined;
    const unanswered = this.#unanswered.splice(0);
    if (this.retries === "resends") this.#queue.unshift(...unanswered);
    else for (const { reject } of unanswered) reject(new Error("Socket closed unexpectedly"));
    this.#connectLater();
  }

  #openSubscriber(ears: SubscriberEars, until: AbortSignal): Promise<Subscriber> {
    return new Promise((resolve, reject) => {
      const site = this.sites.messages();
      this.world.timeline.after(this.random.between(0.2, 2), () => {
        this.process.read(() => {
          if (!site.isUp || until.aborted) return reject(new Error("connect ECONNREFUSED"));
          resolve(this.#subscriber(site, ears, until));
        });
      });
    });
  }

  #subscriber(site: Site, ears: SubscriberEars, until: AbortSignal): Subscriber {
    const wire = new Wire(this.world, this.process, site, this.weather, this.random, {
      closed: () => {
        this.subscribers.delete(wire);
        ears.ended();
      },
      message: (_channel, text) => ears.message(toText(text)),
    });
    this.subscribers.add(wire);
    until.addEventListener("abort", () => {
      this.subscribers.delete(wire);
      wire.close();
    });
    return {
      subscribe: (channel) =>
        new Promise((resolve, reject) => {
          if (!wire.isOpen) return reject(new Error("Socket closed unexpectedly"));
          wire.toServer(() => {
            site.subscribe(wire, toBytes(channel));
            wire.toProcess(resolve);
          });
        }),
    };
  }
}

function waitForReplica(wire: Wire, patience: number, tell: (replicas: number) => void): void {
  const after = wire.site.replicates(patience);
  wire.hold(after ?? patience, () => tell(after === undefined ? 0 : 1));
}

function answerOf(site: Site, words: readonly string[]): unknown {
  try {
    return answered(site.server.execute(words));
  } catch (error) {
    if (error instanceof CommandError) return new Error(error.message);
    throw error;
  }
}

/** What a client makes of a reply. */
function answered(reply: Reply): unknown {
  if (typeof reply === "string") return toText(reply);
  if (reply === null || typeof reply === "number") return reply;
  if ("ok" in reply) return reply.ok;
  if ("err" in reply) return new Error(reply.err);
  return (reply as readonly Reply[]).map(answered);
}
