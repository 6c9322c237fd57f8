import type { PoolSlot } from "@lock/core";
import { colours, fit, pad, paintOf, printable } from "@lock/demo-kit";
import type { Death } from "./history.ts";
import { nameOf } from "./messages.ts";
import type { Sight } from "./observer.ts";

/** What the screen shows at one moment. */
export interface Frame extends Sight {
  /** Milliseconds since the start. */
  readonly at: number;
  /** Of this machine's clock, as `until` of a slot is. */
  readonly now: number;
  readonly ttl: number;
  readonly death: Death | undefined;
  readonly done: number;
  readonly total: number;
}

type Used = Extract<PoolSlot, { inUse: true }>;

const WIDTHS = { ms: 6, model: 5, holder: 9, fence: 16, since: 12, left: 8 };
const BAR = 10;
/** How many waiters are named: more would not fit into a line of 80 characters. */
const NAMED_IN_TABLE = 3;
const NAMED_IN_LINE = 6;
const NOBODY = "a stranger";

/** Many lines, to be drawn over the last ones: all that is known of each model. */
export function table(frame: Frame): string[] {
  const { model, holder, fence, since, left } = WIDTHS;
  const titles = [
    pad("model", -model),
    pad("in use by", holder),
    pad("fencing token", -fence),
    pad("since (UTC)", since),
    pad("ends in", -left),
  ];
  return [
    colours.bold(`  ${titles.join("  ")}`),
    ...frame.slots.map((slot) => `  ${pad(String(slot.slot), -model)}  ${tableRow(slot, frame)}`),
    "",
    `  ${waiting(frame, NAMED_IN_TABLE) || colours.dim("no node waits")}`,
    `  ${colours.dim(`${frame.done} of ${frame.total} pieces of work done, after ${(frame.at / 1_000).toFixed(1)} s`)}`,
  ];
}

function tableRow(slot: PoolSlot, frame: Frame): string {
  if (!slot.inUse) return colours.dim("·  free");
  const { holder, fence, since, left } = WIDTHS;
  const cells = [
    paintHolder(slot.holder, pad(shown(slot.holder), holder)),
    pad(String(slot.fencingToken ?? "-"), -fence),
  ];
  if (isDead(slot, frame)) return [...cells, colours.red(`✗ ${fate(slot, frame)}`)].join("  ");
  const granted = slot.since?.toISOString().slice(11, 23) ?? "-";
  cells.push(pad(granted, since), pad(seconds(remaining(slot, frame)), -left), bar(slot, frame));
  return cells.join("  ");
}

/** The header of the lines that `line` makes. */
export function lineHeader(models: number): string {
  const { ms, holder } = WIDTHS;
  const names = Array.from({ length: models }, (_, index) => pad(`model ${index + 1}`, holder));
  return `${pad("ms", -ms)}  ${names.join("  ")}`.trimEnd();
}

/** One line: who has which model. */
export function line(frame: Frame): string {
  const cells = frame.slots.map((slot) => {
    if (!slot.inUse) return colours.dim(pad("·", WIDTHS.holder));
    const mark = isDead(slot, frame) ? " ✗" : "";
    return paintHolder(slot.holder, pad(`${shown(slot.holder)}${mark}`, WIDTHS.holder));
  });
  const dead = frame.slots.filter(isUsed).find((slot) => isDead(slot, frame));
  const notes = [waiting(frame, NAMED_IN_LINE)];
  if (dead !== undefined) notes.unshift(colours.red(`${shown(dead.holder)} ${fate(dead, frame)}`));
  const ms = colours.dim(pad(frame.at.toFixed(0), -WIDTHS.ms));
  const row = `${ms}  ${cells.join("  ")}`;
  const note = notes.filter((text) => text !== "").join("; ");
  const whole = `${row}  ${note}`.trimEnd();
  // What does not fit beside the models goes below them.
  return fit(whole) === whole ? whole : `${row.trimEnd()}\n${" ".repeat(WIDTHS.ms)}  ${note}`;
}

/** Two frames with the same fingerprint differ by nothing but the time. */
export function fingerprint(frame: Frame): string {
  const slots = frame.slots.map((slot) => slot.inUse && [slot.token, isDead(slot, frame)]);
  return JSON.stringify([slots, frame.waiters.map(({ token }) => token)]);
}

function waiting({ waiters }: Frame, most: number): string {
  if (waiters.length === 0) return "";
  const names = waiters.slice(0, most).map(({ holder, slot }) => {
    return `${paintHolder(holder, shown(holder))} for ${typeof slot === "number" ? slot : "any"}`;
  });
  const more = waiters.length - names.length;
  return `${colours.dim("waiting:")} ${names.join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

function isUsed(slot: PoolSlot): slot is Used {
  return slot.inUse;
}

/** Whether this is still the very lease that the killed node had. */
function isDead(slot: Used, { death }: Frame): boolean {
  return death !== undefined && slot.slot === death.slot && slot.fencingToken === death.fence;
}

function fate(slot: Used, frame: Frame): string {
  return `was killed; its lease ends in ${seconds(remaining(slot, frame))}`;
}

function remaining({ until }: Used, { now }: Frame): number {
  return until === undefined ? Number.POSITIVE_INFINITY : Math.max(0, until.getTime() - now);
}

function bar(slot: Used, frame: Frame): string {
  const full = Math.min(BAR, Math.ceil((remaining(slot, frame) / frame.ttl) * BAR));
  return `${"█".repeat(full)}${colours.dim("░".repeat(BAR - full))}`;
}

function seconds(time: number): string {
  return Number.isFinite(time) ? `${(time / 1_000).toFixed(1)} s` : "never";
}

/** A pool can be in use by any program: its name is text of others. */
function shown(holder: string | undefined): string {
  return printable(holder ?? NOBODY);
}

function paintHolder(holder: string | undefined, text: string): string {
  const [, node] = /^node-(\d+)$/.exec(holder ?? "") ?? [];
  return node !== undefined && holder === nameOf(Number(node)) ? paintOf(Number(node))(text) : text;
}
