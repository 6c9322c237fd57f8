import type { Line } from "./run/history.ts";
import type { Fault, Operation, Story } from "./story/story.ts";

/** A story as a person reads it: who does what, and what goes wrong. */
export function printStory(story: Story): string {
  const { seed, topology, processes, servers, weather } = story;
  const events = [
    ...story.operations.map((operation, place) => ({
      at: operation.at,
      text: tellOperation(operation, place),
    })),
    ...story.faults.map((fault) => ({ at: fault.at, text: tellFault(fault) })),
  ].sort((a, b) => a.at - b.at);
  return [
    `seed ${seed}: ${processes.length} processes, ${servers.length === 1 ? "one server" : `a ${topology} of ${servers.length}`}`,
    `a way takes ${weather.delay.map((ms) => ms.toFixed(1)).join(" to ")} ms${weather.slow > 0 ? `, sometimes up to ${weather.slowest.toFixed(0)}` : ""}`,
    ...processes.map(
      ({ retries, isDeaf }, index) =>
        `process ${index + 1}: its client ${retries}${isDeaf ? ", and hears no messages" : ""}`,
    ),
    "",
    ...events.map(({ at, text }) => `${at.toFixed(1).padStart(9)} ms  ${text}`),
  ].join("\n");
}

/** What happened, line by line. */
export function printLines(lines: readonly Line[]): string {
  return lines
    .map(({ at, who, what }) => `${at.toFixed(2).padStart(10)} ms  ${who.padEnd(10)} ${what}`)
    .join("\n");
}

function tellOperation(operation: Operation, place: number): string {
  const who = `process ${operation.process + 1}`;
  if (operation.kind === "close") return `${who} closes its locks`;
  if (operation.kind === "forceRelease") return `${who} takes ${operation.key} by force`;
  const { mode, keys, ttl, wait, hold } = operation;
  const extras = (["minHold", "maxHold", "abortAfter", "extendTo", "ticketTo"] as const)
    .filter((name) => operation[name] !== undefined && operation[name] !== 0)
    .map((name) => `, ${name} ${Math.round(operation[name] ?? 0)}`);
  const how =
    mode.kind === "permits"
      ? `one of ${mode.permits} permits`
      : mode.kind === "slot"
        ? `slot ${mode.slot}`
        : mode.kind;
  return `#${place} ${who} wants ${keys.join(" and ")} (${how}), wait ${wait}, ttl ${ttl}, holds ${hold.toFixed(1)} ms${extras.join("")}`;
}

function tellFault(fault: Fault): string {
  const where = "server" in fault ? `server ${fault.server + 1}` : "";
  const who = "process" in fault ? `process ${fault.process + 1}` : "";
  const facts = Object.entries(fault)
    .filter(([name]) => !["at", "kind", "server", "process"].includes(name))
    .map(([name, value]) => `${name} ${typeof value === "number" ? Math.round(value * 10) / 10 : value}`);
  return `! ${fault.kind} ${[who, where, ...facts].filter((text) => text !== "").join(", ")}`;
}
