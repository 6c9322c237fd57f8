import { createHmac } from "node:crypto";
import { LockUsageError } from "../contract/errors.ts";
import type { Keys } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";
import { show } from "../contract/show.ts";

/** A lease that travels, as plain JSON. Whoever has it can adopt the lease: keep it as secret as a password. */
export interface LeaseTicket extends TicketContent {
  readonly version: 1;
  /** Tells an altered ticket: a hash of all else, keyed by the owner token. */
  readonly check: string;
}

/** Small facts that travel with a lease. */
export type TicketContext = Readonly<Record<string, string>>;

/** Options of `toTicket`. */
export interface TicketOptions {
  /**
   * Small facts for the process that adopts the lease: the event `acquired` tells them there. No server sees them, so
   * `inspect` does not show them. At most 1 KB as JSON.
   */
  readonly context?: TicketContext | undefined;
}

/** What a ticket says. Durations are milliseconds. */
export interface TicketContent {
  readonly prefix: string;
  readonly keys: Keys;
  readonly mode: LockMode;
  readonly token: string;
  readonly fencingToken: number;
  readonly ttl: number;
  readonly renew: boolean;
  /** What was left of them when the ticket was written; the time in transit, at most the ttl, is not counted. */
  readonly minHold: number;
  readonly maxHold?: number | undefined;
  readonly meta?: Readonly<Record<string, string>> | undefined;
  /** What the owner passed on with it, such as the trace that it belongs to. No server sees it. */
  readonly context?: TicketContext | undefined;
  /** Of the backend that granted the lease. */
  readonly proof: string;
}

const VERSION = 1;

export function writeTicket(content: TicketContent): LeaseTicket {
  return { version: VERSION, ...content, check: checkOf(content) };
}

/**
 * The ticket that a program or a network gave us, if it is one and nothing in it was changed.
 * @throws LockUsageError
 */
export function readTicket(ticket: unknown): LeaseTicket {
  const text = typeof ticket === "object" && ticket !== null ? (ticket as Partial<LeaseTicket>) : {};
  const { version, check, token } = text;
  if (version !== VERSION || typeof check !== "string" || typeof token !== "string" || token === "") {
    // Not shown in full: it may hold an owner token.
    const got = version === undefined ? show(typeof ticket) : `version ${show(version)}`;
    throw new LockUsageError(
      `a ticket must be a value that lease.toTicket() returned, of version ${VERSION}, got ${got}`,
    );
  }
  const content = text as LeaseTicket;
  if (check !== checkOf(content)) {
    throw new LockUsageError("the ticket was altered: pass the value of lease.toTicket() unchanged");
  }
  return content;
}

/** Fields by name and in one order, however JSON, or a store of it, has arranged them. */
function checkOf({ token, ...content }: TicketContent & Partial<LeaseTicket>): string {
  const { version: _, check: __, ...said } = content;
  const text = JSON.stringify(sorted(said));
  return createHmac("sha256", token).update(text).digest("base64url");
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  // Marked, so that no object can pass for a list of what is in it.
  if (Array.isArray(value)) return ["list", ...value.map(sorted)];
  const entries = Object.entries(value).filter(([, field]) => field !== undefined && field !== null);
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => [name, sorted(field)]);
}
