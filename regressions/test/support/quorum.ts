import { createLocks, type LocksWithoutPermits } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { quorumBackend } from "@lock/core/quorum";
import { Redis } from "ioredis";

/** What one process has of a quorum. */
export interface Member {
  readonly locks: LocksWithoutPermits;
  /** One for each node. */
  readonly clients: readonly Redis[];
  close(): Promise<void>;
}

const members: Member[] = [];

/** A process more that locks on these nodes; each prefix is a quorum of its own. */
export function openMember(
  urls: readonly string[],
  prefix: string,
  options: { readonly maxTtl?: number } = {},
): Member {
  const clients = urls.map((url) => new Redis(url, { retryStrategy: () => 50 }).on("error", () => undefined));
  // A busy machine is no node that is away.
  const backend = quorumBackend(
    clients.map((client) => ioredisBackend(client)),
    { nodeTimeout: 2_000, ...options },
  );
  const locks = createLocks({ backend, prefix });
  const close = async () => {
    await locks.close();
    for (const client of clients) client.disconnect();
  };
  const member = { locks, clients, close };
  members.push(member);
  return member;
}

export async function closeMembers(): Promise<void> {
  await Promise.all(members.splice(0).map(({ close }) => close()));
}
