/** What is left of a lease, and when that was known: in clocks that all processes of a machine share. */
export interface Deadline {
  /** Milliseconds. */
  readonly left: number;
  /** Milliseconds of the monotonic clock, since the start of the machine. */
  readonly mono: number;
  /** Milliseconds since the Unix epoch. */
  readonly wall: number;
}

export function deadlineIn(left: number): Deadline {
  return { left, mono: monotonic(), wall: Date.now() };
}

/** Milliseconds until it; the clock that says less counts, since the monotonic one may stand still in a suspended machine. */
export function leftOf({ left, mono, wall }: Deadline): number {
  return left - Math.max(monotonic() - mono, Date.now() - wall);
}

function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** When a command is ended: milliseconds before the validity of its lease ends. */
export interface Terms {
  /** SIGTERM. */
  readonly grace: number;
  /** SIGKILL: a timer may be late, and the processes need a moment to go. */
  readonly margin: number;
}

const USUAL_GRACE = 5_000;
const LONGEST_MARGIN = 1_000;

export function termsOf(ttl: number, grace = Math.min(USUAL_GRACE, longestGrace(ttl))): Terms {
  return { grace, margin: Math.min(LONGEST_MARGIN, ttl / 10) };
}

export function longestGrace(ttl: number): number {
  return Math.floor(ttl / 2);
}
