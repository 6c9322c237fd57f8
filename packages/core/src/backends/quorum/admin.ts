import type { Admin, BackendNode, LockState } from "../../contract/admin.ts";
import type { NodeBackend } from "../../contract/backend.ts";
import type { LockName } from "../../contract/mode.ts";
import { undecided } from "./majority.ts";
import { mergeStates } from "./merge.ts";
import { poll, valuesOf } from "./poll.ts";
import type { Quorum } from "./quorum.ts";

/** What operators ask of all nodes, and do at all of them. */
export class QuorumAdmin implements Admin {
  constructor(private readonly quorum: Quorum) {}

  /** Names whom it is taken from: what comes late to a slow node must not take it from the next holder. */
  async forceRelease(name: LockName, token?: string): Promise<boolean> {
    if (token !== undefined) return this.#takeFrom(name, [token]);
    for (let wasTaken = false; ; wasTaken = true) {
      const states = await this.#ask(name.key, (backend) => backend.admin.inspect(name));
      // Their first characters, which are the same at all nodes.
      const tokens = states.flatMap((state) => state?.holders ?? []).map((holder) => holder.token);
      const isTaken = await this.#takeFrom(name, [...new Set(tokens)]);
      // No more than so many are shown at once.
      const hasMore = states.some((state) => state !== null && state.holding > state.holders.length);
      if (!isTaken || !hasMore) return wasTaken || isTaken;
    }
  }

  async #takeFrom(name: LockName, tokens: readonly string[]): Promise<boolean> {
    const taken = await this.#ask(name.key, (backend) =>
      Promise.all(tokens.map((token) => backend.admin.forceRelease(name, token))),
    );
    return taken.flat().includes(true);
  }

  async inspect(name: LockName): Promise<LockState | null> {
    const states = await this.#ask(name.key, (backend) => backend.admin.inspect(name));
    return mergeStates(states, this.quorum.majority);
  }

  async *list(prefix: string): AsyncIterable<LockState> {
    const listed = await this.#ask(
      `${prefix}:*`,
      (backend) => keysOf(backend.admin.list(prefix)),
      "no limit",
    );
    for (const key of new Set(listed.flat())) {
      const state = await this.inspect({ prefix, key });
      if (state !== null) yield state;
    }
  }

  nodes(): readonly BackendNode[] {
    return this.quorum.nodes.flatMap(({ backend }) => backend.admin.nodes());
  }

  /** Asks all nodes. @throws QuorumError when no majority answers */
  async #ask<T>(
    key: string,
    question: (backend: NodeBackend) => Promise<T>,
    limit?: "no limit",
  ): Promise<T[]> {
    const questions = this.quorum.nodes.map((node) => (limit ? question(node.backend) : node.ask(question)));
    const timeout = limit && Number.MAX_SAFE_INTEGER;
    const answers = await poll(this.quorum.clock, timeout ?? this.quorum.nodeTimeout, questions);
    const values = valuesOf(answers);
    if (values.length >= this.quorum.majority) return values;
    throw undecided(this.quorum, { keys: [key] }, answers);
  }
}

async function keysOf(states: AsyncIterable<LockState>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of states) keys.push(key);
  return keys;
}
