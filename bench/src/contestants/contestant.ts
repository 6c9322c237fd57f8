/**
 * Which side a contestant stands on: the floor of what Redis allows, a lock with fencing tokens written by hand, the library
 * under test, another library, a module that the user gave.
 */
export type Family = "plain" | "by hand" | "ours" | "rival" | "beside";

export type ClientName = "ioredis 5" | "ioredis 6" | "node-redis 5" | "node-redis 6";

/** Frees what was acquired. */
export type Release = () => Promise<unknown>;

/** One connection to Redis with one lock library on top. */
export interface Session {
  /** Waits for the key for as long as it takes. */
  acquire(key: string): Promise<Release>;
  close(): Promise<void>;
}

/** Who is measured, as the report shows it. */
export interface Label {
  readonly name: string;
  readonly family: Family;
  readonly client: ClientName;
  /** What was configured, so that a reader can judge whether it was fair. */
  readonly settings: string;
}

/** One lock library on one client library. */
export interface Contestant extends Label {
  open(url: string): Promise<Session>;
}

export function idOf({ name, client }: Label): string {
  return `${name} on ${client}`;
}

/** The same for all. */
export const TTL = 30_000;
/** For those that poll; most have a slower default. */
export const RETRY_DELAY = 10;
/** Half of the delay: the share that redlock's own defaults have. */
export const RETRY_JITTER = 5;
