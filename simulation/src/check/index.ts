import type { History, Violation } from "../run/history.ts";
import { checkExclusion } from "./exclusion.ts";
import { checkFences } from "./fences.ts";
import { checkHandOver } from "./hand-over.ts";
import { checkLosses } from "./losses.ts";
import { checkOrder } from "./order.ts";
import { checkOutcomes } from "./outcomes.ts";
import { checkSteady } from "./steady.ts";
import { checkWaiting } from "./waiting.ts";

const CHECKS = [
  checkExclusion,
  checkFences,
  checkOrder,
  checkWaiting,
  checkHandOver,
  checkLosses,
  checkSteady,
  checkOutcomes,
];

/** All that is wrong with a history, in the order of time. */
export function check(history: History): Violation[] {
  return CHECKS.flatMap((each) => each(history)).sort((a, b) => a.at - b.at);
}
