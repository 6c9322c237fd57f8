import type { FromNode } from "./messages.ts";

/** From when until when a node believed that a model was its own, by its own clock readings. */
export interface Hold {
  readonly node: number;
  readonly slot: number;
  readonly fence: number;
  readonly waited: number;
  readonly from: number;
  /** Infinite while it has not ended. */
  until: number;
  outcome: "holds" | "done" | "lost" | "killed";
}

/** The node that was killed, and what it held. */
export interface Death {
  readonly node: number;
  readonly at: number;
  readonly slot: number;
  readonly fence: number;
}

/** What the nodes told, and when one was killed. */
export class History {
  readonly holds: Hold[] = [];
  death: Death | undefined;

  tell(node: number, event: Extract<FromNode, { kind: "holds" | "ended" }>): void {
    if (event.kind === "holds") {
      const { kind, ...told } = event;
      this.holds.push({ node, ...told, until: Number.POSITIVE_INFINITY, outcome: kind });
      return;
    }
    const hold = this.current(node);
    if (hold === undefined) return;
    hold.until = event.until;
    hold.outcome = event.outcome;
  }

  /** What a node holds now. */
  current(node: number): Hold | undefined {
    return this.holds.find((hold) => hold.node === node && hold.outcome === "holds");
  }

  killed(hold: Hold, at: number): void {
    hold.until = at;
    hold.outcome = "killed";
    this.death = { node: hold.node, at, slot: hold.slot, fence: hold.fence };
  }

  /** How many pieces of work were done to their end. */
  get done(): number {
    return this.holds.filter((hold) => hold.outcome === "done").length;
  }
}
