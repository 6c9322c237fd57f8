import { withoutCredentials } from "../../contract/show.ts";

/**
 * The port by which the Redis backend reaches a client. It is as small as it can be: run a script with declared
 * keys, hear channels on a connection of its own, say what is at the other end. A driver adds no retries, no
 * timeouts and no words of its own: errors of the client pass through as they are.
 */
export interface RedisDriver extends ScriptRunner {
  /** A word for messages, such as "ioredis". */
  readonly name: string;
  /** Where the client connects to, as "host:port", for messages: never with credentials. Undefined if it is not known. */
  readonly address?: string | undefined;
  /** `cluster`: keys of different hash slots may not meet in one script, and PUBLISH cannot count receivers. */
  readonly deployment: "single" | "cluster";
  /** What the client itself puts in front of every key (not of channels or arguments); mostly "". */
  readonly keyPrefix: string;
  /**
   * Any other command, on the connection that scripts run on; in a cluster on the node that `key` belongs to, or on
   * any of its nodes.
   */
  command(words: readonly [string, ...string[]], key?: string): Promise<unknown>;
  /**
   * Only of a client that sends commands again by itself: its open connections, each of which is another object when it was
   * made anew. What was under way then may have been executed twice.
   */
  connections?(): readonly object[];
  /** Only of a cluster: its masters, each for scripts without keys. */
  masters?(): Promise<readonly ScriptRunner[]>;
  /**
   * Opens a connection to hear channels on; in a cluster on any of its nodes. Resolves when it is ready. It is closed when
   * `until` is aborted, also while it is being opened.
   */
  openSubscriber(ears: SubscriberEars, until: AbortSignal): Promise<Subscriber>;
}

/** Runs scripts. */
export interface ScriptRunner {
  /** EVALSHA; rejects with the server's NOSCRIPT error where the server does not know the script. */
  evalsha(sha: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** EVAL, on the node that the keys belong to. */
  eval(source: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
}

/** What a subscriber tells. */
export interface SubscriberEars {
  /** A message came in on one of the channels. */
  message(text: string): void;
  /** Only of a connection that comes back by itself: all channels are heard again, and messages may have been missed. */
  resumed(): void;
  /** The connection was lost, or closed: it is done with. May be told more than once. */
  ended(): void;
}

/**
 * A connection that hears channels. It need not come back when it is lost: another one is opened then. It must not keep
 * the process alive, nor take over options of the user's client that keep it from hearing, or from telling its end.
 */
export interface Subscriber {
  subscribe(channel: string): Promise<void>;
}

/** Where a client connects to, by the options that both libraries share. */
export interface ClientAddress {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Of a Unix socket. */
  readonly path?: string | undefined;
}

/** The `address` of a driver. People have given a whole url as the host. */
export function addressOf({ host = "localhost", port, path }: ClientAddress): string | undefined {
  const address = path ?? (port === undefined ? undefined : `${host}:${port}`);
  return address === undefined ? undefined : withoutCredentials(address);
}
