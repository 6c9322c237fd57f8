import { type Clock, type Instant, ranFor, shift } from "../../contract/clock.ts";
import type { Answer } from "./calls.ts";
import { refused } from "./faults.ts";
import { readLate } from "./replies.ts";
import { withDeadline } from "./script-runner.ts";

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

/** The server's time is unknown before the first answer: that one only tells it. More would be a clock that runs. */
const MOST_LATE_ANSWERS = 3;

/** What is known of the server's clock. */
export class ServerTime {
  #latest: TimeSample | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly requestTimeout: number,
  ) {}

  /** When the server told its time last, by the monotonic clock. */
  get toldAt(): number | undefined {
    return this.#latest?.receivedAt.mono;
  }

  /** The server told its time, in microseconds. */
  learn(server: number): void {
    this.#latest = { server, receivedAt: this.clock.now() };
  }

  /** Server time, in microseconds, after which a request that is sent now must not be executed any more. */
  notAfter(sentAt: Instant): string {
    if (this.#latest === undefined) return "0";
    return String(serverTimeAt(this.#latest, shift(sentAt, this.requestTimeout)));
  }

  /** What was answered to a request that the server refuses when it arrives late. @throws LockBackendError where it did */
  async inTime<A extends object>(
    key: string,
    first: Answer | A,
    send: () => Promise<Answer | A>,
  ): Promise<Answer | A> {
    const { clock, requestTimeout } = this;
    let answer = first;
    let firstSentAt: Instant | undefined;
    for (let asked = 1; ; asked++) {
      const late = "text" in answer ? readLate(answer.text) : undefined;
      if (!("text" in answer) || late === undefined) return answer;
      this.learn(late);
      firstSentAt ??= answer.sentAt;
      const left = requestTimeout - ranFor(firstSentAt, clock.now());
      if (asked === MOST_LATE_ANSWERS || left <= 0) throw refused("late");
      answer = await withDeadline(clock, left, key, send());
    }
  }
}
