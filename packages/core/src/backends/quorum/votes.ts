import type { Vote } from "../../backend.ts";
import type { QuorumVote } from "../../errors.ts";
import type { Node } from "./node.ts";
import type { Answer } from "./poll.ts";

/** What each node said, as users are told. */
export function readVotes(nodes: readonly Node[], answers: readonly Answer<Vote>[]): QuorumVote[] {
  return nodes.map((node, index) => ({ node: node.name, ...readVote(node, answers[index]) }));
}

function readVote(node: Node, answer: Answer<Vote> | undefined): Omit<QuorumVote, "node"> {
  if (answer?.status === "failed") return { vote: "error", error: answer.error };
  if (answer?.status === "unasked" && !node.isSilent) return { vote: "unasked" };
  if (answer?.status !== "answered") return { vote: "timeout" };
  const vote = answer.value;
  return vote.status === "busy" ? { vote: "busy", holder: vote.holder } : { vote: vote.status };
}

/** The same for questions that are not votes. */
export function readAnswers(nodes: readonly Node[], answers: readonly Answer<unknown>[]): QuorumVote[] {
  return nodes.map(({ name: node }, index) => {
    const answer = answers[index];
    if (answer?.status === "answered") return { node, vote: "answered" };
    if (answer?.status === "failed") return { node, vote: "error", error: answer.error };
    return { node, vote: "timeout" };
  });
}
