import { defineScript } from "../script.ts";
import acquire from "./acquire.lua";
import batch from "./batch.lua";
import extend from "./extend.lua";
import forceRelease from "./force-release.lua";
import grant from "./grant.lua";
import inspect from "./inspect.lua";
import release from "./release.lua";
import scan from "./scan.lua";
import withdraw from "./withdraw.lua";

export const acquireScript = defineScript("acquire", batch, grant, acquire);
export const releaseScript = defineScript("release", batch, grant, release);
export const withdrawScript = defineScript("withdraw", batch, grant, withdraw);
export const extendScript = defineScript("extend", batch, extend);
export const forceReleaseScript = defineScript("forceRelease", batch, grant, forceRelease);
export const inspectScript = defineScript("inspect", inspect);
export const scanScript = defineScript("scan", scan);
