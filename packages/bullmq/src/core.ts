/** What is used of the core. */
export { isLockError, LockUsageError } from "@lock/core";
export {
  type AllowedOptions,
  checkListener,
  checkOptions,
  helpWarnings,
  LazyAbort,
  MAX_KEY_BYTES,
  show,
  showChoice,
  tell,
  type UnattendedLeases,
  unattendedLeases,
  withoutSecrets,
} from "@lock/core/adapter";
