import { colours, machineTime, paintOf, print, printable } from "@lock/demo-kit";
import type { Fate, History } from "./history.ts";
import { nameOf, type Told } from "./messages.ts";

/** What a keeper believes, or what keeps it from believing anything. */
type Lane = "gone" | "stands by" | "leads" | "paused";

const FAULTS: Record<Fate, string> = { killed: "kill", paused: "pause", partitioned: "partition" };
const LANES: Record<Lane, string> = { gone: "✗", "stands by": "○", leads: "█", paused: "‖" };

export function legend(): string {
  return colours.dim(
    "What each keeper believes is in the columns 1 and 2:\n█ it leads   ○ it stands by   ‖ it is paused   ✗ it is down\nA token is the fencing token of a lead.",
  );
}

export function header(): string {
  return colours.bold("    ms  1 2  keeper    what happens");
}

/** Prints what happens, behind what each of the two keepers believes. */
export class Timeline {
  readonly #lanes: [Lane, Lane] = ["gone", "gone"];
  readonly #start = machineTime();

  constructor(private readonly history: History) {}

  /** To be told after the history. */
  tell(told: Told, isAccepted: boolean | undefined): void {
    const { keeper, at, kind } = told;
    if (kind === "stands by" || kind === "leads") this.#lanes[keeper - 1] = kind;
    if (kind === "lost") this.#lanes[keeper - 1] = "stands by";
    const text = this.#describe(told, isAccepted);
    if (text !== undefined) this.#print(at, keeper, text);
  }

  /** What was done to a keeper. */
  say(text: string, keeper: number, lane?: Lane): void {
    if (lane !== undefined) this.#lanes[keeper - 1] = lane;
    this.#print(machineTime(), keeper, colours.yellow(colours.bold(text)));
  }

  #print(at: number, keeper: number, text: string): void {
    const lanes = this.#lanes.map((lane, index) => paintOf(index + 1)(LANES[lane])).join(" ");
    const time = colours.dim((at - this.#start).toFixed(0).padStart(6));
    print(`${time}  ${lanes}  ${paintOf(keeper)(nameOf(keeper))}  ${text}`);
  }

  #describe(told: Told, isAccepted: boolean | undefined): string | undefined {
    switch (told.kind) {
      case "stands by":
        return "stands by";
      case "leads":
        return `leads${this.#after(told)}, token ${told.fence}`;
      case "lost":
        return colours.yellow(`learns that its lead is lost (${printable(told.reason)})`);
      case "writes":
        return isAccepted
          ? `runs tick ${told.tick}: ${told.price.toFixed(2)} written`
          : colours.red(`tick ${told.tick} is REFUSED: token ${told.fence} is too small`);
      case "skips":
        return `skips tick ${told.tick}: minHold still holds its key`;
      case "cannot run":
        return colours.yellow(`cannot run tick ${told.tick}: ${printable(told.error)}`);
      default:
        return undefined;
    }
  }

  #after({ keeper, at }: Told): string {
    const fault = this.history.faults.at(-1);
    const isHeir =
      fault !== undefined && this.history.successor(fault)?.from === at && fault.keeper !== keeper;
    return isHeir ? colours.green(` ${(at - fault.at).toFixed(0)} ms after the ${FAULTS[fault.fate]}`) : "";
  }
}
