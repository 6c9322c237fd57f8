import type { Instant } from "../../contract/clock.ts";

/** A reply that told the server's time: it was that time, or later, when it was received. */
export interface TimeSample {
  /** Microseconds of server time. */
  readonly server: number;
  readonly receivedAt: Instant;
}

/**
 * The latest server time, in microseconds, that surely is not past when the local clock shows `at`: assumes
 * that the sample's reply took no time to come back. A command that carries it is refused when it is late.
 */
export function serverTimeAt(sample: TimeSample, at: Instant): number {
  // The smaller of both differences: a wall clock that was set forward must not make the limit generous.
  const passed = Math.min(at.mono - sample.receivedAt.mono, at.wall - sample.receivedAt.wall);
  return sample.server + Math.floor(passed * 1_000);
}
