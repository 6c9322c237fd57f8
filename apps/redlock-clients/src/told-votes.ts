import type { QuorumVote } from "@lock/core";
import { printable } from "@lock/demo-kit";
import type { LoggedVote } from "./messages.ts";

/** Votes as plain JSON: errors do not survive the way to another process. */
export function toldVotes(votes: readonly QuorumVote[]): LoggedVote[] {
  return votes.map(({ node, vote, holder, error }) => {
    const said = error === undefined ? undefined : error instanceof Error ? error.message : String(error);
    return { node, vote, holder: holder?.holder, error: said && printable(said) };
  });
}
