import { colours, type Paint, pad, paintOf, printable, Table } from "@lock/demo-kit";
import type { Ballot, Hold, Refusal } from "./history.ts";
import { NODES } from "./messages.ts";
import type { Incident } from "./outage.ts";

/** What a client is doing. */
export type Lane = "idle" | "waits" | "holds";

const LANES: Record<Lane, string> = { idle: "·", waits: "○", holds: "█" };
const WIDTHS = { ms: -6, lane: -2 };
const COLUMNS = {
  client: { title: "client", width: 9 },
  votes: { title: "granted", width: 7 },
  fence: { title: "fencing token", width: 16 },
  waited: { title: "waited", width: -6, rank: 1 },
  held: { title: "held", width: -6, rank: 2 },
  freed: { title: "released", width: 8, rank: 3 },
};
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
      "clients: █ holds the lock   ○ waits for it   · neither",
      "nodes:   ● granted or released   ○ busy   – had nothing",
      "         ✗ did not answer   · not asked, or no answer yet",
      "times:   in ms",
    ].join("\n"),
  );
}

/** The timeline; each client has a column of its own on the left. */
export class Rows {
  readonly #table: Table<keyof typeof COLUMNS>;
  /** Many clients in a narrow terminal have no room for it. */
  readonly #hasLanes: boolean;

  constructor(private readonly clients: number) {
    const [narrow, wide] = [2 - WIDTHS.ms, 2 - WIDTHS.ms - clients * WIDTHS.lane];
    this.#hasLanes = new Table(COLUMNS, wide).fits;
    this.#table = new Table(COLUMNS, this.#hasLanes ? wide : narrow);
  }

  get header(): string {
    const digits = Array.from({ length: this.clients }, (_, index) => String((index + 1) % 10));
    return this.#left("ms", digits) + this.#table.header;
  }

  /** `at`: milliseconds since the start. */
  turn(hold: Hold, ballot: Ballot, lanes: readonly Lane[], at: number): string {
    const cells = this.#table.row({
      client: painted(hold.client),
      votes: nodes(numbers().map((node) => ballot.votes.get(node)?.answer ?? "unasked")),
      fence: String(hold.fence),
      waited: hold.waited.toFixed(0),
      held: hold.isLost ? "lost" : (hold.until - hold.from).toFixed(0),
      freed: nodes(numbers().map((node) => ballot.freed.get(node) ?? "unasked")),
    });
    return this.#at(at, lanes) + cells + remark(hold.outcome);
  }

  refusal({ client, votes }: Refusal, lanes: readonly Lane[], at: number): string {
    const answers = votes.map(({ vote }) => vote);
    const said = [...new Set(answers)].map((answer) => {
      return `${answers.filter((other) => other === answer).length} ${answer}`;
    });
    const text = `${colours.red("QuorumError")} ${said.join(", ")}`;
    return this.#event(client, nodes(answers), text, lanes, at);
  }

  timeout(client: string, lanes: readonly Lane[], at: number): string {
    const text = `${colours.yellow("LockTimeoutError")} asks again`;
    return this.#event(client, "", text, lanes, at);
  }

  #event(client: string, votes: string, text: string, lanes: readonly Lane[], at: number): string {
    const { client: name, votes: symbols } = COLUMNS;
    return `${this.#at(at, lanes)}${pad(painted(client), name.width)}  ${pad(votes, symbols.width)}  ${text}`;
  }

  #at(at: number, lanes: readonly Lane[]): string {
    return this.#left(
      colours.dim(at.toFixed(0)),
      lanes.map((lane) => LANES[lane]),
    );
  }

  #left(ms: string, lanes: readonly string[]): string {
    return `${pad(ms, WIDTHS.ms)}${this.#hasLanes ? lanesOf(lanes) : ""}  `;
  }
}

export function incidentRow({ what, nodes: which }: Incident, at: number): string {
  const names = `${which.length === 1 ? "node" : "nodes"} ${which.join(", ")}`;
  const text =
    what === "killed"
      ? colours.red(colours.bold(`✗ ${names} killed (SIGKILL)`))
      : colours.green(colours.bold(`✓ ${names} returns, with the data it had`));
  return `${colours.dim(pad(at.toFixed(0), WIDTHS.ms))}  ${text}`;
}

function lanesOf(symbols: readonly string[]): string {
  return symbols.map((symbol, index) => paintOf(index + 1)(pad(symbol, WIDTHS.lane))).join("");
}

function painted(client: string): string {
  return paintOf(Number(client.split("-")[1]))(client);
}

function nodes(answers: readonly string[]): string {
  const symbols = answers.map((answer) => {
    const { symbol, paint } = ANSWERS[answer] ?? FAILED;
    return paint(symbol);
  });
  return symbols.join("");
}

function numbers(): number[] {
  return Array.from({ length: NODES }, (_, index) => index + 1);
}

function remark(outcome: string): string {
  return outcome === "released" ? "" : colours.yellow(` ${printable(outcome)}`);
}
