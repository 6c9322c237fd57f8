import type { ClientAddress } from "../driver.ts";

/** What is used of an ioredis client (5 or 6, `Redis` or `Cluster`); any object of this shape will do. */
export interface IoredisClient extends IoredisCommands, IoredisDuplicable {
  readonly isCluster: boolean;
  readonly status: string;
  /** Only of a `Cluster`. */
  nodes?(role: "master"): readonly IoredisNode[];
  /** Only of a `Cluster`: "host:port" of the nodes of each slot, its master first. */
  readonly slots?: readonly (readonly string[])[];
  /** Only of a `Cluster`. */
  refreshSlotsCache?(callback: () => void): void;
}

/** What is used of one node of a `Cluster`. */
export interface IoredisNode extends IoredisCommands, IoredisDuplicable {}

/** What has a connection that another one can be made like. */
export interface IoredisDuplicable {
  duplicate(override?: never): IoredisSubscriber;
}

/** Commands. */
export interface IoredisCommands {
  /** The connection; another one after each reconnect. */
  readonly stream?: { readonly destroyed?: boolean | undefined } | undefined;
  readonly options: ClientAddress & {
    readonly keyPrefix?: string | undefined;
    readonly monitor?: boolean | undefined;
  };
  evalsha(sha: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>;
  eval(script: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>;
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** What is used of the connection that hears messages. */
export interface IoredisSubscriber {
  readonly stream?: { unref(): unknown } | undefined;
  connect(): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  disconnect(): void;
}
