import type { QuorumVote } from "../../contract/errors.ts";
import type { CastVote, Node } from "./node.ts";
import type { Answer } from "./poll.ts";

/** What each node said, as users are told. `read`: what it answered. */
export function readAnswers<T>(
  nodes: readonly Node[],
  answers: readonly Answer<T>[],
  read: (value: T) => Omit<QuorumVote, "node">,
): QuorumVote[] {
  return nodes.map((node, index) => {
    const answer = answers[index];
    return {
      node: node.name,
      ...(answer?.status === "answered" ? read(answer.value) : silence(node, answer)),
    };
  });
}

function silence(node: Node, answer: Answer<unknown> | undefined): Omit<QuorumVote, "node"> {
  if (answer?.status === "failed") return { vote: "error", error: answer.error };
  return { vote: answer?.status === "unasked" && !node.isSilent ? "unasked" : "timeout" };
}

/** The same for votes. */
export function readVotes(nodes: readonly Node[], answers: readonly Answer<CastVote>[]): QuorumVote[] {
  return readAnswers(nodes, answers, ({ took, ...vote }) =>
    vote.status === "busy" ? { vote: "busy", took, holder: vote.holder } : { vote: vote.status, took },
  );
}
