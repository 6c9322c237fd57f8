import type { HolderState, WaiterState } from "../../contract/admin.ts";
import type { SeenHolder } from "../../contract/errors.ts";
import { unreadable } from "./faults.ts";
import { readMode } from "./modes.ts";

/** What the scripts write about a holder beside its token: kept short, since it travels with every acquire. */
export interface Info {
  /** Which process it is; the first of all, where `force-release.lua` finds it. */
  readonly process: string;
  readonly holder: string;
  readonly meta: Readonly<Record<string, string>> | undefined;
  /** All keys of a lease of several, as the server has them. */
  readonly lockKeys?: readonly string[];
}

/** Longer lists of keys are not told: they would travel, and stand in the queue of each key, once for each key. */
const LONGEST_LIST = 1_024;

export function writeInfo({ process, holder, meta, lockKeys }: Info): string {
  if (meta === undefined && lockKeys === undefined) return `{"p":"${process}","h":${JSON.stringify(holder)}}`;
  const isTold = lockKeys !== undefined && lockKeys.join("").length <= LONGEST_LIST;
  return JSON.stringify({ p: process, h: holder, m: meta, k: isTold ? lockKeys : undefined });
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

/** "<token> <fence> <granted at, us> [<slot or -> ]<info>"; any other text was written by another program. */
const HOLDER = /^(\S+) (\d{1,16}) (\d{1,16}) (?:(\d{1,4}|-) )?(\{.*)$/s;

/** Milliseconds as PTTL tells them: -1 is a key that never ends. */
function readRemaining(text: string | undefined): number | undefined {
  const remaining = Number(text);
  return remaining >= 0 ? remaining : undefined;
}

/** How the scripts say that nobody holds the key. */
const NOBODY = "-2";

/** The last one that was read: thousands who wait for a key are told of the same holder. */
let lastSeen: { readonly value: string; readonly left: string; readonly seen: SeenHolder } | undefined;

function readSeenHolder(value: string, left = NOBODY): SeenHolder | undefined {
  if (left === NOBODY) return undefined;
  if (lastSeen?.value !== value || lastSeen.left !== left) {
    const info = HOLDER.exec(value)?.[5];
    const holder = info === undefined ? undefined : readInfo(info).holder;
    lastSeen = { value, left, seen: { holder, remaining: readRemaining(left) } };
  }
  return lastSeen.seen;
}

const TOKEN_SHOWN = 8;

/** The fence of a key that is kept for a waiter until it asks. */
const OFFER = "0";

export function readHolderState(value: string, pttl: string | undefined): HolderState {
  const [, token = value, fence, since, slot, info] = HOLDER.exec(value) ?? [];
  return {
    token: token.slice(0, TOKEN_SHOWN),
    ...readInfo(info ?? ""),
    fencingToken: fence === undefined || fence === OFFER ? undefined : readNumber(fence),
    since: since === undefined ? undefined : new Date(readNumber(since) / 1_000),
    remaining: readRemaining(pttl),
    slot: readOptional(slot),
  };
}

/** A number where "-" is none. */
function readOptional(text: string | undefined): number | undefined {
  return text === undefined || text === "-" ? undefined : readNumber(text);
}

/** "<token> <channel> <ttl> <mode> <info>" */
const WAITER = /^(\S+) \S+ \S+ (\S+) (.*)$/s;

export function readWaiterState(member: string, count: string | undefined): WaiterState {
  const [, token = member, mode = "", info = ""] = WAITER.exec(member) ?? [];
  return {
    token: token.slice(0, TOKEN_SHOWN),
    ...readMode(mode),
    ...readInfo(info),
    count: readOptional(count) ?? 1,
  };
}

/** What the server published: its waiter is to ask now. */
export interface AskNow {
  readonly token: string;
  /** Which of the request's keys became ready for it, from 1; undefined where all are kept for it. */
  readonly part: number | undefined;
}

const ASK_NOW = /^(\S{1,64})(?: (\d{1,3}))?$/;

/** Null for anything else: any program with the right to publish can send us any text. */
export function readAskNow(message: string): AskNow | null {
  const [, token, part] = ASK_NOW.exec(message) ?? [];
  return token === undefined ? null : { token, part: part === undefined ? undefined : Number(part) };
}

const TAKEN = /^(\S{1,64}) taken$/;

/** Whose lease was taken by force, if a message says so. */
export function readTaken(message: string): string | null {
  return TAKEN.exec(message)?.[1] ?? null;
}

/** What the acquire script answered. Times in microseconds of server time, durations in milliseconds. */
export type AcquireAnswer =
  | ({
      readonly status: "granted";
      readonly now: number;
      readonly fencingToken: number;
      /** The last of those that were reserved; undefined in a vote. */
      readonly lastFence: number | undefined;
      readonly ttl: number;
      readonly slot: number | undefined;
    } & Circumstances)
  | ({
      readonly status: "busy";
      readonly now: number;
      /** The place in the queue; 0 where none was asked for. */
      readonly ticket: number;
      readonly holder: SeenHolder | undefined;
      /** Which of the request's keys are not ready for it, from 1. */
      readonly missing: readonly number[];
    } & Circumstances)
  | { readonly status: "abstained"; readonly now: number; readonly isMember: boolean }
  | { readonly status: "cancelled"; readonly now: number };

interface Circumstances {
  /** The place in the queue had been lost. */
  readonly rejoined: boolean;
  /** The number of permits that others named. */
  readonly otherPermits: number | undefined;
}

/** The server's time, where it refused a request that arrived late. */
export function readLate(text: string): number | undefined {
  return text.startsWith("late ") ? readNumber(text.slice(5)) : undefined;
}

export function readAcquireAnswer(text: string): AcquireAnswer {
  const [status, time, ...rest] = text.split(" ");
  const now = readNumber(time);
  if (status === "granted") {
    const [fence, left, rejoined, slot, permits, last] = rest;
    return {
      status,
      now,
      fencingToken: readNumber(fence),
      lastFence: readOptional(last),
      ttl: readNumber(left),
      rejoined: rejoined === "1",
      slot: readOptional(slot),
      otherPermits: readOptional(permits),
    };
  }
  if (status === "busy") {
    const [left, ticket, rejoined, permits, missing = "", ...value] = rest;
    return {
      status,
      now,
      ticket: readOptional(ticket) ?? 0,
      holder: readSeenHolder(value.join(" "), left),
      rejoined: rejoined === "1",
      otherPermits: readOptional(permits),
      missing: missing.split(",").map(Number),
    };
  }
  if (status === "abstained") return { status, now, isMember: rest[0] === "1" };
  if (status === "cancelled") return { status, now };
  throw unreadable(text);
}
