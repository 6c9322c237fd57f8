import type { HolderState, LockState, WaiterState } from "@lock/core";
import { showDuration } from "../durations.ts";
import { printable } from "./printable.ts";
import type { Column } from "./table.ts";

/** The columns of `lock ls` and `lock watch`. */
export const COLUMNS = {
  key: { title: "KEY", width: 12, grows: 3 },
  mode: { title: "MODE", width: 9, rank: 2 },
  holder: { title: "HOLDER", width: 12, grows: 2 },
  held: { title: "HELD", width: 6, right: true },
  left: { title: "LEFT", width: 6, right: true },
  waiting: { title: "WAIT", width: 5, right: true },
} satisfies Record<string, Column>;

export const UNKNOWN = "-";

/** One key in a line. */
export function cellsOf(state: LockState): Record<keyof typeof COLUMNS, string> {
  const [first] = state.holders;
  const others = state.holding > 1 ? ` +${state.holding - 1}` : "";
  return {
    key: printable(state.key),
    mode:
      state.permits === undefined ? state.mode : `${state.permits} permit${state.permits === 1 ? "" : "s"}`,
    holder: first === undefined ? UNKNOWN : nameOf(first) + others,
    held: first === undefined ? UNKNOWN : heldFor(first),
    left: first === undefined ? UNKNOWN : leftOf(first),
    waiting: String(state.waiting),
  };
}

/** The name of a holder, or what is known of one without. */
export function nameOf({ holder }: Pick<HolderState, "holder">): string {
  return holder === undefined ? "(another program)" : printable(holder);
}

function heldFor({ since }: HolderState): string {
  return since === undefined ? UNKNOWN : showDuration(Date.now() - since.getTime());
}

function leftOf({ remaining }: HolderState): string {
  return remaining === undefined ? "no end" : showDuration(remaining);
}

/** A holder as lines of a paragraph. */
export function describeHolder(holder: HolderState): string[] {
  const { token, fencingToken, since, slot, meta } = holder;
  const age = since === undefined ? [] : [`since ${since.toISOString()} (${heldFor(holder)})`];
  return [
    `  ${nameOf(holder)}`,
    `    ${[`token ${printable(token)}`, ...(slot === undefined ? [] : [`slot ${slot}`])].join(", ")}`,
    `    ${[...age, `left ${leftOf(holder)}`].join(", ")}`,
    ...(fencingToken === undefined ? [] : [`    fencing token ${fencingToken}`]),
    ...describeMeta(meta),
  ];
}

/** A waiter, or several of one process, as lines of a paragraph. */
export function describeWaiter(waiter: WaiterState): string[] {
  const { token, mode, slot, meta, count } = waiter;
  const wants = slot === undefined ? mode : `${mode}, slot ${slot}`;
  const many = count === 1 ? "" : ` x ${count}`;
  return [`  ${nameOf(waiter)}${many}`, `    token ${printable(token)}, ${wants}`, ...describeMeta(meta)];
}

function describeMeta(meta: Readonly<Record<string, string>>): string[] {
  return Object.entries(meta).map(([name, value]) => `    ${printable(name)}: ${printable(String(value))}`);
}

/** All that is known of a key. */
export function describeState(state: LockState): string[] {
  const { key, mode, permits, holders, holding, waiters, waiting } = state;
  const most = permits === undefined ? "" : `, at most ${permits} at once`;
  const shown = waiters.reduce((sum, { count }) => sum + count, 0);
  return [
    `key      ${printable(key)}`,
    `mode     ${mode}${most}`,
    `holders  ${holding}${holding > holders.length ? `, the first ${holders.length}:` : ""}`,
    ...holders.flatMap(describeHolder),
    `waiters  ${waiting}${waiting > shown ? `, the first ${shown}:` : ""}`,
    ...waiters.flatMap(describeWaiter),
  ];
}
