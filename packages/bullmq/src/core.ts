/** What is used of the core. */
export { isLockError, LockUsageError } from "@lock/core";
export {
  type AllowedOptions,
  checkListener,
  checkOptions,
  type DetachedLeases,
  detachedLeases,
  helpWarnings,
  LazyAbort,
  MAX_KEY_BYTES,
  show,
  showChoice,
  tell,
  withoutSecrets,
} from "@lock/core/adapter";
