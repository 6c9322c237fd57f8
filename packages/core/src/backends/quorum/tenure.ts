import type {
  AcquireRequest,
  ExtendOutcome,
  Ownership,
  ReleaseOutcome,
  Renewed,
} from "../../contract/backend.ts";
import { QuorumError } from "../../contract/errors.ts";
import { showKeys } from "../../contract/key.ts";
import { together } from "../../contract/validity.ts";
import { type Electorate, homeOf } from "./electorate.ts";
import type { Holding } from "./holding.ts";
import { type Answer, canReach, countUnknown, poll, valuesOf } from "./poll.ts";
import type { Stint } from "./stint.ts";
import { readAnswers } from "./votes.ts";

/**
 * What a majority says of a lease that is to go on.
 * @throws QuorumError where that is not known
 */
export async function renewal(
  electorate: Electorate,
  held: Ownership,
  questions: readonly (Promise<ExtendOutcome> | undefined)[],
): Promise<ExtendOutcome> {
  const { clock, nodes, nodeTimeout, majority, drift } = electorate;
  const renewed = (answers: readonly Answer<ExtendOutcome>[]) =>
    valuesOf(answers).filter((value) => value.status === "renewed");
  const answers = await poll(clock, nodeTimeout, questions, (soFar) => {
    const count = renewed(soFar).length;
    return count >= majority || !canReach(majority, count, soFar);
  });
  const validity = together(renewed(answers), majority, clock.now());
  if (validity !== undefined) return { ...validity, drift, status: "renewed" } satisfies Renewed;
  const values = valuesOf(answers);
  const gone = values.filter(({ status }) => status === "lost").length;
  const never = questions.filter((question) => question === undefined).length;
  if (gone === 0 || nodes.length - gone - never >= majority) throw undecided(electorate, held, answers);
  const isStolen = values.some((value) => value.status === "lost" && value.reason === "stolen");
  return { status: "lost", reason: isStolen ? "stolen" : "expired" };
}

/**
 * Ends what a lease has at the nodes.
 * @throws QuorumError where it is not known whether somebody else can have a majority now
 */
export async function ending(
  electorate: Electorate,
  held: AcquireRequest,
  holding: Holding,
  end: (stint: Stint) => Promise<ReleaseOutcome>,
): Promise<ReleaseOutcome> {
  const { clock, nodes, nodeTimeout, majority, background } = electorate;
  const work = holding.leave().map((stint) => stint && end(stint));
  for (const one of work) if (one !== undefined) background(one);
  const released = (answers: readonly Answer<ReleaseOutcome>[]) =>
    valuesOf(answers).filter((outcome) => outcome === "released").length;
  const home = homeOf(electorate);
  const answers = await poll(
    clock,
    nodeTimeout,
    work,
    // Who comes next is turned away while home has not heard.
    (soFar) => released(soFar) >= majority && soFar[home]?.status !== "pending",
  );
  const count = released(answers);
  const unknown = countUnknown(answers);
  // Nobody else could have a majority of the others.
  if (count < majority && nodes.length - unknown < majority) throw undecided(electorate, held, answers);
  holding.letGo();
  return count + unknown >= majority ? "released" : "notHeld";
}

/** Too few nodes answered. */
export function undecided(
  { nodes }: Electorate,
  { keys }: Pick<Ownership, "keys">,
  answers: readonly Answer<unknown>[],
): QuorumError {
  return new QuorumError(
    showKeys(keys),
    readAnswers(nodes, answers, () => ({ vote: "answered" })),
  );
}
