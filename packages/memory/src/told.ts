import { tellingOn } from "@lock/core/adapter";
import type { LateSave } from "./options.ts";

/** What is published on the channel "lock:memory" of `node:diagnostics_channel`, for metrics and logs. */
export type TurnTold =
  | {
      /** A turn has ended; a single call that is no part of a turn is not told. */
      readonly event: "turn";
      readonly turn: { readonly sessionId: string; readonly fencingToken: number };
      /** Why it was lost, interrupted or abandoned, or what it failed with; undefined after a success. */
      readonly error: unknown;
    }
  | {
      /** A save came after its turn, and was not stored. */
      readonly event: "lateSave";
      readonly save: LateSave;
    };

export const tell = tellingOn<TurnTold>("lock:memory");
