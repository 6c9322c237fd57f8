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
import type { NodeRequest } from "./node-request.ts";
import type { NodeRequests } from "./node-requests.ts";
import { type Answer, canReach, countUnknown, poll, valuesOf } from "./poll.ts";
import { type Quorum, queueNodeOf } from "./quorum.ts";
import { readAnswers } from "./votes.ts";

/**
 * What a majority says of a lease that is to go on.
 * @throws QuorumError where that is not known
 */
export async function renewByMajority(
  quorum: Quorum,
  held: Ownership,
  questions: readonly (Promise<ExtendOutcome> | undefined)[],
): Promise<ExtendOutcome> {
  const { clock, nodes, nodeTimeout, majority, drift } = quorum;
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
  if (gone === 0 || nodes.length - gone - never >= majority) throw undecided(quorum, held, answers);
  const isStolen = values.some((value) => value.status === "lost" && value.reason === "stolen");
  return { status: "lost", reason: isStolen ? "stolen" : "expired" };
}

/**
 * Ends what a lease has at the nodes.
 * @throws QuorumError where it is not known whether somebody else can have a majority now
 */
export async function endByMajority(
  quorum: Quorum,
  held: AcquireRequest,
  atNodes: NodeRequests,
  end: (nodeRequest: NodeRequest) => Promise<ReleaseOutcome>,
): Promise<ReleaseOutcome> {
  const { clock, nodes, nodeTimeout, majority, background } = quorum;
  const work = atNodes.leave().map((nodeRequest) => nodeRequest && end(nodeRequest));
  for (const one of work) if (one !== undefined) background(one);
  const released = (answers: readonly Answer<ReleaseOutcome>[]) =>
    valuesOf(answers).filter((outcome) => outcome === "released").length;
  const queueNode = queueNodeOf(quorum);
  const answers = await poll(
    clock,
    nodeTimeout,
    work,
    // Who comes next is turned away while the queue node has not heard.
    (soFar) => released(soFar) >= majority && soFar[queueNode]?.status !== "pending",
  );
  const count = released(answers);
  const unknown = countUnknown(answers);
  // Nobody else could have a majority of the others.
  if (count < majority && nodes.length - unknown < majority) throw undecided(quorum, held, answers);
  atNodes.letGo();
  return count + unknown >= majority ? "released" : "notHeld";
}

/** Too few nodes answered. */
export function undecided(
  { nodes }: Quorum,
  { keys }: Pick<Ownership, "keys">,
  answers: readonly Answer<unknown>[],
): QuorumError {
  return new QuorumError(
    showKeys(keys),
    readAnswers(nodes, answers, () => ({ vote: "answered" })),
  );
}
