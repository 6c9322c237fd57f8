import { machineTime, print } from "@lock/demo-kit";
import type { History } from "./history.ts";
import type { Entry } from "./messages.ts";
import type { Incident } from "./outage.ts";
import { incidentRow, type Lane, type Rows } from "./rows.ts";

/** Prints a row for each turn that is over, each refusal, and whatever happened to the nodes. */
export class Timeline {
  readonly #lanes: Lane[];
  /** As they were when each client's last turn was over. */
  readonly #lanesAtEnd = new Map<string, readonly Lane[]>();
  #start = machineTime();

  constructor(
    clients: number,
    private readonly rows: Rows,
    private readonly history: History,
  ) {
    this.#lanes = Array.from({ length: clients }, () => "idle");
  }

  /** The row of now is the first. */
  begin(): void {
    this.#start = machineTime();
  }

  /** To be told after the history. */
  tell(client: number, entry: Entry): void {
    const lane = laneOf(entry);
    const at = entry.at - this.#start;
    // The next one may have the lock before this one has heard that its release arrived.
    if (entry.what === "ends") this.#lanesAtEnd.set(entry.client, [...this.#lanes]);
    if (entry.what === "released") this.#printTurn(entry.client, at);
    if (entry.what === "refused") print(this.rows.refusal(entry, this.#lanes, at));
    if (entry.what === "timeout") print(this.rows.timeout(entry.client, this.#lanes, at));
    if (lane !== undefined) this.#lanes[client - 1] = lane;
  }

  incident(incident: Incident): void {
    print(incidentRow(incident, incident.at - this.#start));
  }

  #printTurn(client: string, at: number): void {
    const hold = this.history.last(client);
    const lanes = this.#lanesAtEnd.get(client) ?? this.#lanes;
    if (hold !== undefined) print(this.rows.turn(hold, this.history.ballot(hold.lease), lanes, at));
  }
}

function laneOf({ what }: Entry): Lane | undefined {
  if (what === "asks") return "waits";
  if (what === "acquired") return "holds";
  return what === "ends" || what === "refused" || what === "timeout" ? "idle" : undefined;
}
