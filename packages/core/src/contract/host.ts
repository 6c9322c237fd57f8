import { randomFillSync } from "node:crypto";

/**
 * What the core takes of its host beside time: chance, and warnings. This file and `clock.ts` are the only ones that use
 * such globals, so that a simulation can decide what they give.
 */
export interface Host {
  /** A number from 0 to below 1: for jitter, never for what must not be guessed. */
  random(): number;
  /** Fills it with bytes that cannot be guessed. */
  fill(bytes: Uint8Array): void;
  /** A warning of the process. */
  warn(warning: string | Error, options?: WarningOptions): void;
}

interface WarningOptions {
  readonly type: string;
  readonly code?: string;
  readonly detail?: string;
}

const node: Host = {
  random: () => Math.random(),
  fill: randomFillSync,
  warn: (warning, options) => process.emitWarning(warning, options),
};

let host = node;

const POOL = 4_096;
const pool = Buffer.alloc(POOL);
let used = POOL;

/** A number from 0 to below 1. */
export function random(): number {
  return host.random();
}

/** A text of so many random bytes, base64url. Drawn from a pool, since asking is slow. */
export function randomText(bytes: number): string {
  if (used + bytes > POOL) {
    host.fill(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("base64url", used - bytes, used);
}

/** A new owner token: 128 random bits, so that nobody can guess it. */
export function newOwnerToken(): string {
  return randomText(16);
}

export function warn(warning: string | Error, options?: WarningOptions): void {
  host.warn(warning, options);
}

/** Another host from now on, for simulations; without one, Node again. All locks of the process have the same. */
export function useHost(other: Host = node): void {
  host = other;
  used = POOL;
}
