import { hostname } from "node:os";
import { createLocks, type LockBackend, type Locks } from "@lock/core";
import { ioredisBackend, type RedisLockBackend } from "@lock/core/ioredis";
import { quorumBackend } from "@lock/core/quorum";
import { type Approach, type Client, clientsOf, connectAll } from "./clients.ts";
import { usage } from "./failure.ts";
import { type GlobalFlags, readTarget, type Target } from "./target.ts";

/** Locks on the servers that the flags and the environment name. */
export interface Connection extends AsyncDisposable {
  readonly target: Target;
  readonly clients: readonly Client[];
  readonly backends: readonly RedisLockBackend[];
  readonly locks: Locks;
}

export interface ConnectionOptions extends Approach {
  /** After this a question counts as unanswered, ms. */
  readonly requestTimeout?: number;
  /** How this process is shown to others. */
  readonly holder?: string | undefined;
  /** What is not to be done on a quorum, as a message names it. */
  readonly notOnQuorum?: string;
}

/** @throws Failure, LockUsageError */
export async function connect(flags: GlobalFlags, options: ConnectionOptions = {}): Promise<Connection> {
  const connection = await openConnection(flags, options);
  try {
    await connectAll(connection.clients);
    return connection;
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same, while nothing is known of the servers yet. */
export async function openConnection(
  flags: GlobalFlags,
  options: ConnectionOptions = {},
): Promise<Connection> {
  const { holder = `${hostname()}:${process.pid}`, notOnQuorum, requestTimeout } = options;
  const target = readTarget(flags);
  if (target.kind === "quorum" && notOnQuorum !== undefined) throw refusal(notOnQuorum, target);
  const clients = await clientsOf(target, options);
  const asking = requestTimeout === undefined ? {} : { requestTimeout };
  const backends = clients.map(({ redis }) => ioredisBackend(redis, asking));
  try {
    const locks = createLocks<LockBackend>({ backend: together(backends), prefix: flags.prefix, holder });
    return { target, clients, backends, locks, [Symbol.asyncDispose]: () => close(locks, clients) };
  } catch (error) {
    for (const { redis } of clients) redis.disconnect();
    throw error;
  }
}

function together(backends: readonly RedisLockBackend[]): LockBackend {
  const [only] = backends;
  return backends.length === 1 && only !== undefined ? only : quorumBackend(backends);
}

async function close(locks: Locks, clients: readonly Client[]): Promise<void> {
  await locks.close();
  // One that has ended already would keep the process for two seconds more.
  for (const { redis } of clients) if (redis.status !== "end") redis.disconnect();
}

function refusal(what: string, { nodes }: Target): Error {
  return usage(
    `${what} is not possible on a quorum (${nodes.length} nodes): a ticket has no place on all of them; use lock run`,
  );
}
