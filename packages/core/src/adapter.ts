export { type AllowedOptions, checkOptions } from "./adapter-options.ts";
export { LazyAbort } from "./lazy-abort.ts";
export { type UnattendedLeases, type UnattendedOptions, unattendedLeases } from "./unattended.ts";
