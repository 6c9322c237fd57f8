import type { Claims } from "./claims.ts";
import type { Events } from "./events.ts";
import type { JobKeys } from "./keys.ts";
import type { GuardOptions } from "./options.ts";

/** What both sides of a guard have in common: that of `add`, and that of workers. */
export interface GuardParts {
  readonly options: GuardOptions;
  readonly keys: JobKeys;
  readonly claims: Claims;
  readonly events: Events;
}
