import { defineScript } from "../script.ts";
import acquire from "./acquire.lua";
import acquireFirst from "./acquire-first.lua";
import batch from "./batch.lua";
import cancel from "./cancel.lua";
import enter from "./enter.lua";
import extend from "./extend.lua";
import fence from "./fence.lua";
import forceRelease from "./force-release.lua";
import holders from "./holders.lua";
import inspect from "./inspect.lua";
import notify from "./notify.lua";
import now from "./now.lua";
import queue from "./queue.lua";
import release from "./release.lua";
import releaseAfter from "./release-after.lua";
import releaseFirst from "./release-first.lua";
import renew from "./renew.lua";
import scan from "./scan.lua";

/** What a vote of a quorum has in common with an acquire: see `voting.ts`. */
export const acquireParts = { batch, fence, now, holders, queue, enter };

export const acquireScript = defineScript(
  "acquire",
  acquireFirst,
  batch,
  fence,
  holders,
  queue,
  enter,
  acquire,
);
export const releaseScript = defineScript(
  "release",
  releaseFirst,
  batch,
  fence,
  now,
  holders,
  queue,
  release,
);
export const releaseAfterScript = defineScript("releaseAfter", batch, fence, now, holders, releaseAfter);
export const cancelScript = defineScript("cancel", batch, fence, now, holders, queue, cancel);
export const extendScript = defineScript("extend", batch, fence, now, extend);
export const renewScript = defineScript("renew", renew);
export const forceReleaseScript = defineScript(
  "forceRelease",
  batch,
  fence,
  now,
  holders,
  queue,
  forceRelease,
);
export const inspectScript = defineScript("inspect", batch, fence, now, inspect);
export const scanScript = defineScript("scan", scan);
export const notifyScript = defineScript("notify", notify);
