import type { Retries } from "../network/client.ts";
import type { Weather } from "../network/wire.ts";
import type { ClockRate } from "../world/process.ts";

/** How a key is wanted. Each key is used in one family of modes, as in a program that works. */
export type WantedMode =
  | { readonly kind: "exclusive" }
  | { readonly kind: "read" }
  | { readonly kind: "write" }
  | { readonly kind: "permits"; readonly permits: number }
  | { readonly kind: "slot"; readonly size: number; readonly slot: number | "any" };

/** One acquire, and what becomes of its lease. Durations are milliseconds. */
export interface HoldOperation {
  readonly kind: "hold";
  readonly at: number;
  readonly process: number;
  readonly mode: WantedMode;
  readonly keys: readonly string[];
  readonly ttl: number;
  readonly wait: number | "forever";
  /** How long it works. */
  readonly hold: number;
  readonly minHold: number;
  readonly maxHold: number | undefined;
  readonly renew: boolean;
  /** The caller gives up after this. */
  readonly abortAfter: number | undefined;
  /** Extends by itself, in the middle. */
  readonly extendTo: number | undefined;
  /** Gives the lease away, in the middle, to this process. */
  readonly ticketTo: number | undefined;
}

/** Something that a person, or a program that ends, does. */
export type OtherOperation =
  | { readonly kind: "forceRelease"; readonly at: number; readonly process: number; readonly key: string }
  | { readonly kind: "close"; readonly at: number; readonly process: number };

export type Operation = HoldOperation | OtherOperation;

/** What goes wrong, and for how long. `server` and `process` are places in their lists. */
export type Fault = { readonly at: number } & (
  | { readonly kind: "pause"; readonly process: number; readonly ms: number }
  | { readonly kind: "suspend"; readonly process: number; readonly ms: number }
  | { readonly kind: "kill"; readonly process: number }
  | { readonly kind: "stepProcessClock"; readonly process: number; readonly ms: number }
  | { readonly kind: "cut"; readonly process: number; readonly server: number }
  | { readonly kind: "halfOpen"; readonly process: number; readonly server: number; readonly ms: number }
  | { readonly kind: "cutSubscriber"; readonly process: number; readonly server: number }
  | { readonly kind: "loseMessages"; readonly server: number; readonly ms: number }
  | { readonly kind: "repeatMessages"; readonly server: number; readonly ms: number }
  | { readonly kind: "crash"; readonly server: number; readonly ms: number; readonly keepsData: boolean }
  | { readonly kind: "failover"; readonly server: number; readonly ms: number; readonly lag: number }
  | { readonly kind: "stepServerClock"; readonly server: number; readonly ms: number }
  | {
      readonly kind: "trouble";
      readonly server: number;
      readonly ms: number;
      readonly what: "oom" | "readonly";
    }
  | { readonly kind: "forgetScripts"; readonly server: number }
  | { readonly kind: "forbidPublish"; readonly server: number; readonly ms: number }
  | { readonly kind: "forgeMessages"; readonly server: number }
  | { readonly kind: "loseReplicas"; readonly server: number; readonly ms: number }
);

/** One process of the story. */
export interface Cast {
  readonly clock: ClockRate;
  readonly retries: Retries;
  /** Its messages come from another node than the one that its commands go to: it hears nothing. */
  readonly isDeaf: boolean;
}

/** All that happens in one history, decided beforehand. With its seed, it happens the same way each time. */
export interface Story {
  readonly seed: number;
  readonly topology: "single" | "quorum";
  readonly processes: readonly Cast[];
  readonly servers: readonly ClockRate[];
  readonly weather: Weather;
  /** How many replicas have to know of a grant. Each server has one. */
  readonly minReplicas: 0 | 1;
  readonly operations: readonly Operation[];
  readonly faults: readonly Fault[];
}
