import { helpWarnings } from "@lock/core/adapter";

export const warn = helpWarnings("@lock/express", "LockRouteWarning");
