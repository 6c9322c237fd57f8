export { type AllowedOptions, checkOptions } from "./adapter-options.ts";
export { type HelpWarning, helpWarnings } from "./help-warnings.ts";
export { isKey, MAX_KEY_BYTES } from "./key.ts";
export { LazyAbort } from "./lazy-abort.ts";
export { type Notices, noticesOf } from "./notices.ts";
export { withoutSecrets } from "./redaction.ts";
export { type RedisClient, type RunRedisScript, redisScripts } from "./redis-scripts.ts";
export { show, showChoice } from "./show.ts";
export { type UnattendedLeases, type UnattendedOptions, unattendedLeases } from "./unattended.ts";
