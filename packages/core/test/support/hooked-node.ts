import type { QuorumNode } from "../../src/contract/backend.ts";
import { LockBackendError } from "../../src/contract/errors.ts";

/** Methods of a node that a test replaces, for as long as they are set. */
export type Hooks = Partial<QuorumNode>;

/** One client's way to a node. */
export function hooked(node: QuorumNode, hooks: Hooks): QuorumNode {
  return new Proxy(node, {
    get(target, name) {
      const replaced: unknown = Reflect.get(hooks, name);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** As when a connection breaks: whether it was done is not known. */
export function connectionLost(): Promise<never> {
  return Promise.reject(new LockBackendError("connection lost", { retryable: true, ambiguous: true }));
}
