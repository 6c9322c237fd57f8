import { isLockError } from "@lock/core";
import { type RedisEnv, readRedisEnv } from "@lock/core/env";
import { usage } from "./failure.ts";

/** The flags that every command has. */
export interface GlobalFlags {
  readonly url?: string;
  readonly nodes?: string;
  readonly sentinel?: string;
  readonly cluster?: boolean;
  readonly prefix: string;
  readonly json?: boolean;
}

/** The servers that the flags and the environment name, and what they are to each other. */
export interface Target extends RedisEnv {
  readonly kind: "single" | "quorum" | "sentinel" | "cluster";
  /** The name of the master that Sentinels watch. */
  readonly master: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Flags win over variables.
 * @throws Failure that names the flag or the variable, and never repeats a password
 */
export function readTarget(flags: GlobalFlags, environment = process.env): Target {
  const { url, nodes, sentinel, cluster = false } = flags;
  checkFlags(flags);
  const given = url !== undefined || nodes !== undefined;
  const env = given ? { ...environment, REDIS_URL: url, REDIS_NODES: nodes } : environment;
  const read = readEnv(env, { url, nodes });
  const kind = kindOf(read, sentinel, cluster);
  if (kind === "quorum" && read.nodes.length < 3) {
    throw usage("a quorum needs at least 3 nodes, better 5; with --cluster or --sentinel any number is fine");
  }
  return { ...read, kind, master: sentinel, env };
}

function checkFlags({ url, nodes, sentinel, cluster }: GlobalFlags): void {
  if (url !== undefined && nodes !== undefined) throw usage("--url and --nodes exclude each other: give one");
  if (sentinel !== undefined && cluster) throw usage("--sentinel and --cluster exclude each other: give one");
  // An empty variable says nothing, but an empty flag is a mistake.
  if (url?.trim() === "") throw usage("--url must not be empty");
  if (nodes?.trim() === "") throw usage("--nodes must not be empty");
  if (sentinel?.trim() === "") throw usage("--sentinel must be the name of a master");
}

function kindOf({ nodes }: RedisEnv, sentinel: string | undefined, cluster: boolean): Target["kind"] {
  if (sentinel !== undefined) return "sentinel";
  if (cluster) return "cluster";
  return nodes.length > 1 ? "quorum" : "single";
}

function readEnv(
  env: Target["env"],
  given: { readonly url: string | undefined; readonly nodes: string | undefined },
): RedisEnv {
  try {
    return readRedisEnv(env);
  } catch (error) {
    if (!isLockError(error)) throw error;
    let { message } = error;
    if (given.url !== undefined) message = message.replaceAll("REDIS_URL", "--url");
    if (given.nodes !== undefined) message = message.replaceAll("REDIS_NODES", "--nodes");
    throw usage(message);
  }
}
