import type { ClientAddress } from "../driver.ts";

/**
 * What is used of a node-redis client (`redis` 5 or 6): of `createClient()`, `createCluster()` or `createSentinel()`.
 * Any object of one of these shapes will do.
 */
export type NodeRedisClient = NodeRedisSingle | NodeRedisCluster | NodeRedisSentinel;

/** What is used of a client of one server. */
export interface NodeRedisSingle extends NodeRedisScripts {
  readonly options?: { readonly socket?: ClientAddress | undefined } | undefined;
  sendCommand(words: string[]): Promise<unknown>;
  duplicate(overrides?: never): NodeRedisSubscriber;
}

/** What is used of a `createCluster()`. */
export interface NodeRedisCluster extends NodeRedisScripts {
  readonly isOpen: boolean;
  readonly masters: readonly NodeRedisNode[];
  readonly slots: readonly { readonly master: NodeRedisNode }[];
  nodeClient(node: never): Promise<NodeRedisSingle>;
  sendCommand(firstKey: string | undefined, isReadonly: boolean, words: string[]): Promise<unknown>;
  /** How it is told to ask again who serves what; without it, it does so in its own time. */
  readonly _slots?: { rediscover?(startWith: never): Promise<unknown> };
}

/** What is used of a node in a cluster's tables. */
export interface NodeRedisNode {
  readonly client?: (NodeRedisSingle & { readonly isReady: boolean }) | undefined;
}

/** What is used of a `createSentinel()`. */
export interface NodeRedisSentinel extends NodeRedisScripts, NodeRedisChannels {
  readonly isOpen: boolean;
  getMasterNode(): unknown;
  sendCommand(isReadonly: boolean, words: string[]): Promise<unknown>;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Scripts. */
export interface NodeRedisScripts {
  /** What `redis` 6 puts in front of every key, where it was told to. */
  readonly _keyPrefix?: string | Buffer | undefined;
  evalSha(sha: string, options: NodeRedisEvalOptions): Promise<unknown>;
  eval(script: string, options: NodeRedisEvalOptions): Promise<unknown>;
}

/** Keys and arguments of a script. */
export interface NodeRedisEvalOptions {
  keys: string[];
  arguments: string[];
}

/** Messages. */
export interface NodeRedisChannels {
  subscribe(channel: string | string[], listener: (message: string) => unknown): Promise<unknown>;
  unsubscribe(channel: string, listener: never): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** What is used of the connection that hears messages. */
export interface NodeRedisSubscriber extends NodeRedisChannels {
  connect(): Promise<unknown>;
  destroy(): void;
  unref?(): void;
}
