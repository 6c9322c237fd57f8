/** What is locked: the user's key within the namespace of one `createLocks`. */
export interface LockName {
  readonly prefix: string;
  readonly key: string;
}

/**
 * How many may hold a key at once: one; any number of readers; or a number of permits, of which each may be a
 * numbered slot (from 1), a chosen one or any that is free. What is held in one mode cannot be held in another.
 */
export type LockMode = ExclusiveMode | SharedMode | PermitsMode;

export interface ExclusiveMode {
  readonly kind: "exclusive";
}

export interface SharedMode {
  readonly kind: "shared";
}

export interface PermitsMode {
  readonly kind: "permits";
  readonly permits: number;
  readonly slot?: number | "any";
}
