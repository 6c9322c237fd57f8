import type { Library } from "@lock/demo-kit";

export const KEEPERS = [1, 2] as const;
export const NODES = 3;
/** How long the lead lasts unless it is extended. */
export const LEAD_TTL_MS = 2_700;
/** Shorter than what is left of the lead when nobody extends it: a new leader finds what its predecessor left undone. */
export const RUN_TTL_MS = 1_600;
/** A new leader begins so many ticks before the current one: whoever led before may have left them undone. */
export const CATCH_UP_TICKS = 2;
/** Nobody runs a tick again within so many ticks, whatever it believes the time to be: longer than anybody looks back. */
export const MIN_HOLD_TICKS = CATCH_UP_TICKS + 2;

/** What a keeper process is. */
export interface Task {
  readonly keeper: number;
  readonly library: Library;
  /** When tick 0 was, by the wall clock. */
  readonly epoch: number;
  /** Milliseconds between two ticks. */
  readonly every: number;
}

export interface Write {
  readonly tick: number;
  readonly price: number;
  /** The fencing token of the lead. */
  readonly fence: number;
}

/** What a keeper does or believes. `until`: how long it believes that it leads, from what it knows now. */
export type Happening =
  | { readonly kind: "stands by" }
  | { readonly kind: "leads"; readonly fence: number; readonly until: number }
  | { readonly kind: "extended"; readonly until: number }
  | { readonly kind: "lost"; readonly reason: string }
  | { readonly kind: "asks"; readonly tick: number }
  | ({ readonly kind: "writes" } & Write)
  | { readonly kind: "ran"; readonly tick: number }
  | { readonly kind: "skips"; readonly tick: number }
  | { readonly kind: "cannot run"; readonly tick: number; readonly error: string };

/** Times are of `machineTime`. */
export type Told = Happening & { readonly keeper: number; readonly at: number };
export type FromKeeper = { readonly kind: "ready"; readonly pid: number } | Told;
export type ToKeeper =
  | { readonly kind: "price"; readonly price: number }
  | { readonly kind: "written"; readonly isAccepted: boolean };

export function nameOf(keeper: number): string {
  return `keeper-${keeper}`;
}
