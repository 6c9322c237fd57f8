import { type QuorumNode, type Voter, voterOf } from "@lock/core/quorum";
import { printable } from "@lock/demo-kit";
import type { Happening } from "./messages.ts";

type Request = Parameters<Voter["vote"]>[0];
type What = Extract<Happening, { readonly node: number }>["what"];
interface Reply {
  readonly answer: string;
  readonly fence?: number | undefined;
}

/** A node of a quorum that tells of each vote, extend and release: the port `QuorumNode`, decorated. */
export function loggingNode(
  backend: QuorumNode,
  node: number,
  tell: (happening: Happening) => void,
): QuorumNode {
  const told = async <T>(what: What, request: Request, call: Promise<T>, read: (result: T) => Reply) => {
    const start = performance.now();
    const lease = leaseOf(request.token);
    const log = (reply: Reply) =>
      tell({ what, node, lease, ms: Math.round(performance.now() - start), ...reply });
    try {
      const result = await call;
      log(read(result));
      return result;
    } catch (error) {
      log({ answer: `error: ${printable(error instanceof Error ? error.message : String(error))}` });
      throw error;
    }
  };
  const inner = voterOf(backend);
  const voter: Voter = {
    enroll: (prefix, enrolment) => inner.enroll(prefix, enrolment),
    vote: (request, fence) =>
      told("vote", request, inner.vote(request, fence), (vote) => {
        return { answer: vote.status, fence: vote.status === "granted" ? vote.fencingToken : undefined };
      }),
  };
  const logged: Partial<QuorumNode> = {
    voter,
    extend: (held, ttl, fence) =>
      told("extend at node", held, backend.extend(held, ttl, fence), ({ status }) => ({ answer: status })),
    release: (held) => told("release at node", held, backend.release(held), (answer) => ({ answer })),
    cancel: (request, unanswered) =>
      told("cancel at node", request, backend.cancel(request, unanswered), () => ({
        answer: "cancelled",
      })),
  };
  return withMethods(backend, logged);
}

/** A quorum asks a node again with a new owner token: the same, and a number behind a dot. */
export function leaseOf(token: string): string {
  return token.slice(0, 8);
}

/** The backend with some of its methods replaced; the others need it as their `this`, for its private fields. */
function withMethods(backend: QuorumNode, methods: Partial<QuorumNode>): QuorumNode {
  return new Proxy(backend, {
    get(target, name) {
      if (name in methods) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
