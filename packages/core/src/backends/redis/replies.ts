import type { HolderState, WaiterState } from "../../backend.ts";
import type { SeenHolder } from "../../errors.ts";
import { unreadable } from "./faults.ts";

/** What the scripts write about a holder beside its token: kept short, since it travels with every acquire. */
export interface Info {
  readonly holder: string;
  readonly meta: Readonly<Record<string, string>> | undefined;
}

export function writeInfo(info: Info): string {
  return JSON.stringify(info.meta === undefined ? { h: info.holder } : { h: info.holder, m: info.meta });
}

function readInfo(text: string): { holder: string | undefined; meta: Readonly<Record<string, string>> } {
  try {
    const { h, m } = JSON.parse(text) as { h?: unknown; m?: unknown };
    const meta = typeof m === "object" && m !== null ? (m as Record<string, string>) : {};
    return { holder: typeof h === "string" ? h : undefined, meta };
  } catch {
    return { holder: undefined, meta: {} };
  }
}

/** A whole number from the server; anything else is refused, so that NaN never becomes a fence or a ttl. */
export function readNumber(text: string | undefined): number {
  const number = text === undefined || text === "" ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(number)) throw unreadable(text);
  return number;
}

/** "<token> <fence> <granted at, us> <info>"; any other text was written by another program. */
const LOCK_VALUE = /^(\S+) (\d{1,16}) (\d{1,16}) (\{.*)$/s;

/** Milliseconds as PTTL tells them: -1 is a key that never ends. */
function readRemaining(text: string | undefined): number | undefined {
  const remaining = Number(text);
  return remaining >= 0 ? remaining : undefined;
}

function readSeenHolder(value: string, remaining: string | undefined): SeenHolder {
  const info = LOCK_VALUE.exec(value)?.[4];
  return {
    holder: info === undefined ? undefined : readInfo(info).holder,
    remaining: readRemaining(remaining),
  };
}

const TOKEN_SHOWN = 8;

export function readHolderState(value: string, pttl: string | undefined): HolderState {
  const [, token, fence, since, info] = LOCK_VALUE.exec(value) ?? [];
  const remaining = readRemaining(pttl);
  if (token === undefined || info === undefined) {
    const shown = value.slice(0, TOKEN_SHOWN);
    return {
      token: shown,
      holder: undefined,
      fencingToken: undefined,
      since: undefined,
      remaining,
      meta: {},
    };
  }
  return {
    token: token.slice(0, TOKEN_SHOWN),
    ...readInfo(info),
    fencingToken: readNumber(fence),
    since: new Date(readNumber(since) / 1_000),
    remaining,
  };
}

/** "<token> <channel> <ttl> <info>" */
const WAITER = /^(\S+) \S+ \S+ (.*)$/s;

export function readWaiterState(member: string): WaiterState {
  const [, token, info] = WAITER.exec(member) ?? [];
  return { token: (token ?? member).slice(0, TOKEN_SHOWN), ...readInfo(info ?? "") };
}

/** What the server published when it handed a lock over. */
export interface HandOver {
  readonly token: string;
  readonly fencingToken: number;
  /** Microseconds of server time. */
  readonly grantedAt: number;
  readonly ttl: number;
  /** How many waiters of this process come next in the queue, and the ticket of the last of them. */
  readonly followers: number;
  readonly lastTicket: number;
}

const HAND_OVER = /^(\S+) (\d{1,16}) (\d{1,16}) (\d{1,10}) (\d{1,2}) (\d{1,16})$/;

/** Null for anything that is no hand-over: whoever may publish can send us any text. */
export function readHandOver(message: string): HandOver | null {
  const [, token, ...numbers] = HAND_OVER.exec(message) ?? [];
  const [fencingToken, grantedAt, ttl, followers, lastTicket] = numbers.map(Number);
  if (token === undefined || fencingToken === undefined || grantedAt === undefined) return null;
  if (ttl === undefined || followers === undefined || lastTicket === undefined) return null;
  return { token, fencingToken, grantedAt, ttl, followers, lastTicket };
}

/** What the acquire script answered. Times in microseconds of server time, durations in milliseconds. */
export type AcquireAnswer =
  | ({
      readonly status: "granted";
      readonly now: number;
      readonly fencingToken: number;
      readonly ttl: number;
    } & Rejoined)
  | ({
      readonly status: "busy";
      readonly now: number;
      readonly ticket: string;
      readonly holder: SeenHolder;
    } & Rejoined)
  | { readonly status: "late" | "withdrawn"; readonly now: number };

interface Rejoined {
  /** The place in the queue had been lost. */
  readonly rejoined: boolean;
}

export function readAcquireAnswer(text: string): AcquireAnswer {
  const [status, time, ...rest] = text.split(" ");
  const now = readNumber(time);
  if (status === "granted") {
    const [fence, left, rejoined] = rest;
    return {
      status,
      now,
      fencingToken: readNumber(fence),
      ttl: readNumber(left),
      rejoined: rejoined === "1",
    };
  }
  if (status === "busy") {
    const [left, ticket = "", rejoined, ...value] = rest;
    return { status, now, ticket, holder: readSeenHolder(value.join(" "), left), rejoined: rejoined === "1" };
  }
  if (status === "late" || status === "withdrawn") return { status, now };
  throw unreadable(text);
}
