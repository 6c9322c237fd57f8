import { defineScript, type Script } from "../script.ts";
import acquire from "./acquire.lua";
import acquireFirst from "./acquire-first.lua";
import adopt from "./adopt.lua";
import batch from "./batch.lua";
import cancel from "./cancel.lua";
import check from "./check.lua";
import enroll from "./enroll.lua";
import enter from "./enter.lua";
import extend from "./extend.lua";
import forceRelease from "./force-release.lua";
import grant from "./grant.lua";
import head from "./head.lua";
import inspect from "./inspect.lua";
import line from "./line.lua";
import member from "./member.lua";
import notify from "./notify.lua";
import release from "./release.lua";
import releaseAfter from "./release-after.lua";
import releaseFirst from "./release-first.lua";
import renew from "./renew.lua";
import scan from "./scan.lua";
import vote from "./vote.lua";
import voteFirst from "./vote-first.lua";

export const acquireScript = defineScript("acquire", acquireFirst, batch, grant, line, enter, acquire);
export const enrollScript = defineScript("enroll", batch, grant, member, enroll);
export const releaseScript = defineScript("release", releaseFirst, batch, grant, line, release);
export const releaseAfterScript = defineScript("releaseAfter", batch, grant, line, releaseAfter);
export const cancelScript = defineScript("cancel", batch, grant, line, cancel);
export const extendScript = defineScript("extend", batch, grant, extend);
export const renewScript = defineScript("renew", renew);
export const adoptScript = defineScript("adopt", batch, grant, adopt);
export const forceReleaseScript = defineScript("forceRelease", batch, grant, line, forceRelease);
export const inspectScript = defineScript("inspect", batch, grant, inspect);
export const scanScript = defineScript("scan", scan);
export const notifyScript = defineScript("notify", notify);

const checkScript = defineScript("check", member, check);

/**
 * How a server votes that is a member by this mark. One that has restarted knows no script: that is when it looks what has
 * become of its mark. Every mark has a script of its own, since by one that they shared it would look at one of them only.
 */
export function voteScript(mark: string): Script {
  const source = [`-- ${mark}`, batch, grant, head, member, voteFirst, line, enter, vote];
  return { ...defineScript("vote", ...source), guard: checkScript };
}
