import { helpWarnings } from "@lock/core/adapter";

export const warnOnce = helpWarnings("@lock/memory", "LockMemoryWarning");
