import { defineScript, type Script } from "../script.ts";
import check from "./check.lua";
import enroll from "./enroll.lua";
import member from "./member.lua";
import vote from "./vote.lua";
import voteFirst from "./vote-first.lua";

/** What a vote has in common with an acquire. */
export interface AcquireParts {
  readonly batch: string;
  readonly fence: string;
  readonly now: string;
  readonly holders: string;
  readonly queue: string;
  readonly enter: string;
}

export const enrollScript = ({ batch, fence, now }: AcquireParts): Script =>
  defineScript("enroll", batch, fence, now, member, enroll);

const checkScript = defineScript("check", member, check);

/**
 * How a server votes that is a member by this mark. One that has restarted knows no script: that is when it looks what has
 * become of its mark. Every mark has a script of its own, since by one that they shared it would look at one of them only.
 */
export function voteScript(mark: string, { batch, fence, now, holders, queue, enter }: AcquireParts): Script {
  const source = [`-- ${mark}`, batch, fence, now, member, voteFirst, holders, queue, enter, vote];
  return { ...defineScript("vote", ...source), guard: checkScript };
}
