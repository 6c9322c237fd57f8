import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Faults } from "./faults.ts";
import { ProxyConnection } from "./proxy-connection.ts";

/** Where the proxy forwards to; a `RedisServer` fits. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
  /** Appears in the proxy's `url`, nowhere else. */
  readonly password?: string | undefined;
}

export interface FaultyProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** How many client connections are open. */
  readonly connections: number;
  /** Every byte takes this much longer, each way. */
  delay(ms: number): void;
  /** Swallows every byte in both directions; connections stay open, and new ones are accepted. */
  blackhole(): void;
  /** Destroys the connections there are; new ones are fine. */
  cut(): void;
  /** Destroys the connections there are, and each new one at once. */
  refuse(): void;
  /**
   * Lets the next request (that contains `after`) reach the server, swallows the answer once it is complete, and
   * destroys the connection: executed, and the client cannot know. Resolves when that happened; rejects when it
   * no longer can. What the client sent in the same chunk shares the fate of the request.
   */
  dropReply(options?: { readonly after?: string | RegExp }): Promise<void>;
  /** Swallows pub/sub messages and nothing else; subscribers stay connected and notice nothing. */
  dropMessages(on: boolean): void;
  /** Plain forwarding again. Connections that were in the black hole are destroyed: their streams have gaps. */
  heal(): void;
  /** Destroys all connections and closes the port. May be called more than once. */
  stop(): Promise<void>;
}

/** Starts a TCP proxy on 127.0.0.1 that forwards to a Redis and can break the network in between. */
export async function startFaultyProxy(target: ProxyTarget): Promise<FaultyProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  server.unref();
  return new RunningProxy(server, target);
}

class RunningProxy implements FaultyProxy {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly url: string;
  readonly #server: Server;
  readonly #target: ProxyTarget;
  readonly #faults = new Faults();
  readonly #connections = new Set<ProxyConnection>();
  #stopping: Promise<void> | undefined;

  constructor(server: Server, target: ProxyTarget) {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy has no port");
    this.port = address.port;
    const credentials = target.password ? `:${encodeURIComponent(target.password)}@` : "";
    this.url = `redis://${credentials}${this.host}:${this.port}`;
    this.#server = server;
    this.#target = target;
    server.on("connection", (client) => this.#accept(client));
  }

  get connections(): number {
    return [...this.#connections].filter((connection) => connection.isOpen).length;
  }

  delay(ms: number): void {
    this.#faults.delayMs = ms;
  }

  blackhole(): void {
    this.#faults.isBlackhole = true;
  }

  cut(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  refuse(): void {
    this.#faults.isRefusing = true;
    this.cut();
  }

  dropReply({ after }: { readonly after?: string | RegExp } = {}): Promise<void> {
    return this.#faults.addReplyDrop(after);
  }

  dropMessages(on: boolean): void {
    this.#faults.dropsMessages = on;
  }

  heal(): void {
    if (this.#faults.isBlackhole) this.cut();
    this.#faults.heal("the proxy was healed before such a request came");
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #accept(client: Socket): void {
    if (this.#faults.isRefusing) {
      client.on("error", () => undefined);
      client.destroy();
      return;
    }
    const connection = new ProxyConnection(client, this.#target, this.#faults);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }

  async #stop(): Promise<void> {
    this.#faults.heal("the proxy was stopped before such a request came");
    const closed = once(this.#server, "close");
    this.#server.ref();
    this.#server.close();
    this.cut();
    await closed;
    await Promise.all([...this.#connections].map((connection) => connection.closed));
  }
}
