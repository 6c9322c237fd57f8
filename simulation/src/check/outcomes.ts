import { type History, nameOf, type Violation } from "../run/history.ts";
import { promisedUntil } from "./exclusion.ts";
import { hasForgotten } from "./fences.ts";

/** What processes are told when messages do not arrive: that is slower, and harms nothing. */
const EXPECTED = /cannot (hear|tell)/;

/** What was told is so, nothing failed unheard, and nothing is left when all is over. */
export function checkOutcomes(history: History): Violation[] {
  const { attempts, left, warnings, unhandled, settledAt: at } = history;
  // A server that forgets what it did may have a token again.
  const untrue = attempts.filter(({ isStillThere }) => isStillThere && !hasForgotten(history));
  return [
    ...wrongRefusals(history),
    ...untrue.map((attempt): Violation => {
      const text = `${nameOf(attempt)} was told to be released, and a server still has its token`;
      return { promise: "outcome", at: attempt.releasedAt ?? at, text };
    }),
    ...warnings
      .filter((warning) => !EXPECTED.test(warning))
      .map((text): Violation => ({ promise: "outcome", at, text: `a warning: ${text}` })),
    ...unhandled.map((text): Violation => ({ promise: "nothing left", at, text: `unhandled: ${text}` })),
    ...left.map((text): Violation => ({ promise: "nothing left", at, text })),
  ];
}

/** A ticket is refused as stolen only where somebody took the key, or where the lease kept nobody out any more. */
function wrongRefusals(history: History): Violation[] {
  const { attempts, forced } = history;
  const until = promisedUntil(history);
  return attempts.flatMap((attempt): Violation[] => {
    const { end, error, keys, operation, endedAt: at = 0 } = attempt;
    const isStolen = end === "ticket refused" && Object(error).reason === "stolen";
    const wasTaken = forced.some(({ key }) => keys.includes(key));
    const giver = attempts.find((other) => other.operation === operation && other !== attempt);
    const { validUntil = 0, bareSince = Number.POSITIVE_INFINITY } = giver ?? {};
    if (!isStolen || wasTaken || Math.min(validUntil, bareSince, until) < at) return [];
    return [{ promise: "outcome", at, text: `the ticket of ${nameOf(attempt)} was refused as stolen` }];
  });
}
