import type { Subscriber, SubscriberEars } from "../driver.ts";
import { pause } from "./pause.ts";

/** A connection to one node of a cluster. */
export interface NodeConnection {
  subscribe(channels: readonly string[]): Promise<unknown>;
  close(): void;
}

/** Connects to any node; null when the client was closed. `lost` may be called more than once. */
export type ConnectToAny = (
  message: (text: string) => void,
  lost: () => void,
) => Promise<NodeConnection | null>;

/** Nodes that were lost are looked for this often, in milliseconds. */
const SEARCH_AGAIN = 100;

/**
 * Hears channels on any one node of a cluster, which passes on what is published on the others; and on another one
 * when that is lost. The clients' own subscribers do so, too, but do not tell when messages may have been missed.
 */
export async function openRoamingSubscriber(
  connect: ConnectToAny,
  ears: SubscriberEars,
): Promise<Subscriber> {
  const subscriber = new RoamingSubscriber(connect, ears);
  await subscriber.open();
  return subscriber;
}

class RoamingSubscriber implements Subscriber {
  readonly #channels = new Set<string>();
  #connected: Promise<NodeConnection | null> = Promise.resolve(null);
  #closed = false;

  constructor(
    private readonly connect: ConnectToAny,
    private readonly ears: SubscriberEars,
  ) {}

  async open(): Promise<void> {
    this.#connected = this.#connect();
    // Nobody may ever ask for it again.
    this.#connected.catch(() => undefined);
    if ((await this.#connected) === null) throw new Error("Connection is closed.");
  }

  async subscribe(channel: string): Promise<void> {
    const connection = await this.#connected;
    await connection?.subscribe([channel]);
    this.#channels.add(channel);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connected.then(
      (connection) => connection?.close(),
      () => undefined,
    );
    this.ears.ended();
  }

  async #connect(): Promise<NodeConnection | null> {
    let mine: NodeConnection | null = null;
    let isLost = false;
    const lost = () => {
      // While it is being opened, whoever opens it hears of that.
      if (!isLost && mine !== null) this.#roam(mine);
      isLost = true;
    };
    const connection = await this.connect((text) => this.ears.message(text), lost);
    if (connection === null) return null;
    if (this.#channels.size > 0) await connection.subscribe([...this.#channels]).catch(() => lost());
    if (isLost || this.#closed) {
      connection.close();
      throw new Error("Connection is closed.");
    }
    mine = connection;
    return connection;
  }

  #roam(lost: NodeConnection): void {
    lost.close();
    if (this.#closed) return;
    this.#connected = this.#search();
    this.#connected.catch(() => undefined);
  }

  async #search(): Promise<NodeConnection | null> {
    while (!this.#closed) {
      const connection = await this.#connect().catch(() => undefined);
      if (connection === null) this.close();
      else if (connection === undefined) await pause(SEARCH_AGAIN);
      else {
        this.ears.resumed();
        return connection;
      }
    }
    return null;
  }
}
