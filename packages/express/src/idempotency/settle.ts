import { LockUsageError } from "@lock/core";
import { showChoice } from "@lock/core/adapter";
import { KEEP_FOR } from "./options.ts";
import { fromText, toText } from "./record.ts";
import type { RecordStore } from "./records.ts";
import { idOf, type RequestName } from "./request.ts";

/** Which request is settled, and how. */
export interface Settlement {
  /** What `tenant` returned for it. */
  readonly tenant: string;
  readonly request: RequestName;
  /** "done": its work was done, and is not done again. "retry": it was not, and the next retry does it. */
  readonly as: "done" | "retry";
  /** For how long it is remembered that it was done, ms. Default 86,400,000 (24 h). */
  readonly keepFor?: number;
}

/** What came of it. "unknown": no work is waiting to be settled. "answered": it had an answer after all. */
export type Settled = "settled" | "unknown" | "answered";

/**
 * Decides about a request that was abandoned: its process died, so that nobody can say whether the work was done. With
 * `onAbandoned: "refuse"` its retries are answered with 409 and the code "ABANDONED" until this is called.
 * @throws LockUsageError for records without `replace`, or another `as`; what the records throw
 * @example
 * const request = { method: "POST", route: "/payments", key: "8e03978e" };
 * await settleIdempotent(records, { tenant: "acme", request, as: "done" });
 */
export async function settleIdempotent(
  records: RecordStore,
  { tenant, request, as, keepFor = KEEP_FOR }: Settlement,
): Promise<Settled> {
  if (as !== "done" && as !== "retry") {
    throw new LockUsageError(`as must be "done" or "retry", got ${showChoice(as)}`);
  }
  if (records.replace === undefined) {
    throw new LockUsageError("settleIdempotent needs records with a method replace");
  }
  const id = idOf(request, tenant);
  const text = await records.read(id);
  if (text === null) return "unknown";
  const { kind, fingerprint } = fromText(text);
  if (kind !== "begun") return "answered";
  const settled = as === "retry" ? null : toText({ fingerprint, kind: "done", because: "settled" });
  return (await records.replace(id, text, settled, keepFor)) ? "settled" : "answered";
}
