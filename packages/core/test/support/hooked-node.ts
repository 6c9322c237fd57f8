import type { Admin } from "../../src/contract/admin.ts";
import type { Voter } from "../../src/contract/backend.ts";
import { LockBackendError } from "../../src/contract/errors.ts";
import { type QuorumNode, voterOf } from "../../src/quorum.ts";

/** Methods of a node, its admin and its voter that a test replaces, for as long as they are set. */
export type Hooks = Partial<Omit<QuorumNode, "admin" | "voter"> & Admin & Voter>;

/** One client's way to a node. */
export function hooked(node: QuorumNode, hooks: Hooks): QuorumNode {
  const admin = replacing(node.admin, hooks);
  const voter = replacing(voterOf(node), hooks);
  return replacing(node, hooks, { admin, voter });
}

function replacing<Target extends object>(target: Target, ...replacements: readonly object[]): Target {
  return new Proxy(target, {
    get(_, name) {
      for (const each of replacements) {
        const replaced: unknown = Reflect.get(each, name);
        if (replaced !== undefined) return replaced;
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** As when a connection breaks: whether it was done is not known. */
export function connectionLost(): Promise<never> {
  return Promise.reject(new LockBackendError("connection lost", { retryable: true, ambiguous: true }));
}
