import { colours, type Paint, paintOf, printable } from "@lock/demo-kit";
import type { Ballot, Hold, Refusal } from "./history.ts";
import { NODES } from "./messages.ts";
import type { Incident } from "./outage.ts";

/** What a client is doing. */
export type Lane = "idle" | "waits" | "holds";

const LANES: Record<Lane, string> = { idle: "·", waits: "○", holds: "█" };
const WIDTHS = { ms: 6, lane: 2, client: 9, nodes: 10, fence: 16, time: 6 };
const UNASKED = { symbol: "·", paint: colours.dim };
const ANSWERS: Partial<Record<string, { readonly symbol: string; readonly paint: Paint }>> = {
  granted: { symbol: "●", paint: colours.green },
  released: { symbol: "●", paint: colours.green },
  busy: { symbol: "○", paint: colours.yellow },
  abstained: { symbol: "–", paint: colours.yellow },
  notHeld: { symbol: "–", paint: colours.dim },
  unasked: UNASKED,
};
const FAILED = { symbol: "✗", paint: colours.red };

export function legend(): string {
  return colours.dim(
    [
      "clients: █ holds the lock   ○ waits for it   · something else",
      "nodes:   ● granted, released   ○ busy   – had nothing   ✗ did not answer   · not asked, or not answered yet",
    ].join("\n"),
  );
}

export function header(clients: number): string {
  const { ms, lane, client, nodes, fence, time } = WIDTHS;
  const lanes = Array.from({ length: clients }, (_, index) =>
    paintOf(index + 1)(String(index + 1).padStart(lane)),
  ).join("");
  const cells = ["client".padEnd(client), "granted by".padEnd(nodes), "fencing token".padEnd(fence)];
  cells.push("waited".padStart(time), "held".padStart(time), "ms, released at");
  return `${"ms".padStart(ms)}${lanes}  ${cells.join("  ")}`;
}

/** `at`: milliseconds since the start. */
export function turnRow(hold: Hold, ballot: Ballot, lanes: readonly Lane[], at: number): string {
  const votes = numbers().map((node) => ballot.votes.get(node)?.answer ?? "unasked");
  const freed = numbers().map((node) => ballot.freed.get(node) ?? "unasked");
  const { fence, time } = WIDTHS;
  const held = hold.isLost ? "lost" : milliseconds(hold.until - hold.from);
  const cells = [nodes(votes), String(hold.fence).padEnd(fence), milliseconds(hold.waited).padStart(time)];
  cells.push(held.padStart(time), `    ${nodes(freed).trimEnd()}`);
  return `${left(hold.client, lanes, at)}  ${cells.join("  ")}${remark(hold.outcome)}`;
}

export function refusalRow({ client, votes }: Refusal, lanes: readonly Lane[], at: number): string {
  const said = votes.map(({ vote }, index) => `${index + 1} ${vote}`).join(", ");
  const symbols = nodes(votes.map(({ vote }) => vote));
  return `${left(client, lanes, at)}  ${symbols}  ${colours.red("QuorumError")} ${said}`;
}

export function timeoutRow(client: string, lanes: readonly Lane[], at: number): string {
  const gap = "".padEnd(WIDTHS.nodes);
  return `${left(client, lanes, at)}  ${gap}  ${colours.yellow("LockTimeoutError")} was busy; asks again`;
}

export function incidentRow({ what, nodes: which }: Incident, at: number): string {
  const names = `${which.length === 1 ? "node" : "nodes"} ${which.join(", ")}`;
  const text =
    what === "killed"
      ? colours.red(colours.bold(`✗ ${names} killed (SIGKILL)`))
      : colours.green(colours.bold(`✓ ${names} returns, with the data it had`));
  return `${colours.dim(at.toFixed(0).padStart(WIDTHS.ms))}  ${text}`;
}

function left(client: string, lanes: readonly Lane[], at: number): string {
  const symbols = lanes.map((lane, index) => paintOf(index + 1)(LANES[lane].padStart(WIDTHS.lane))).join("");
  const number = Number(client.split("-")[1]);
  const name = paintOf(number)(client.padEnd(WIDTHS.client));
  return `${colours.dim(at.toFixed(0).padStart(WIDTHS.ms))}${symbols}  ${name}`;
}

function nodes(answers: readonly string[]): string {
  const symbols = answers.map((answer) => {
    const { symbol, paint } = ANSWERS[answer] ?? FAILED;
    return paint(symbol);
  });
  return symbols.join(" ") + " ".repeat(Math.max(0, WIDTHS.nodes - (2 * NODES - 1)));
}

function numbers(): number[] {
  return Array.from({ length: NODES }, (_, index) => index + 1);
}

function remark(outcome: string): string {
  return outcome === "released" ? "" : colours.yellow(` ${printable(outcome)}`);
}

function milliseconds(time: number): string {
  return time.toFixed(0);
}
