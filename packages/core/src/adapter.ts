export { type AllowedOptions, checkOptions } from "./adapter-options.ts";
