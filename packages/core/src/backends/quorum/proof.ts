import type { Ownership, Predecessor } from "../../contract/backend.ts";
import { LockUsageError } from "../../contract/errors.ts";
import type { NodeRequest } from "./node-request.ts";

/** What a node needs to let a lease be adopted. */
export interface ProofPart {
  /** The owner token of the lease at this node. */
  readonly token: string;
  readonly proof: string;
}

/** What the next owner of a lease must know of each node, as text; null for nodes that do not have it. */
export function writeProof({ token }: Ownership, nodeRequests: readonly (NodeRequest | undefined)[]): string {
  const parts = nodeRequests.map((nodeRequest) => {
    if (nodeRequest === undefined) return null;
    const { node, request } = nodeRequest;
    return [request.token.slice(token.length), node.backend.handOff?.(request) ?? ""];
  });
  return JSON.stringify(parts);
}

/** @throws LockUsageError */
export function readProof({ proof, token }: Predecessor, nodes: number): (ProofPart | null)[] {
  const parts = parse(proof);
  if (!Array.isArray(parts) || parts.length !== nodes) {
    throw new LockUsageError(`the ticket was not made by a quorum of ${nodes} nodes`);
  }
  return parts.map((part: unknown) => {
    if (part === null) return null;
    const [suffix, nodeProof] = Array.isArray(part) ? part : [];
    if (typeof suffix === "string" && typeof nodeProof === "string") {
      return { token: token + suffix, proof: nodeProof };
    }
    throw new LockUsageError("the ticket was altered");
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
