import type { Entry, EntryOf, LoggedVote } from "./messages.ts";

/** What the nodes answered to one request for the lock. Nodes are numbered from 1. */
export interface Ballot {
  readonly votes: Map<number, { readonly answer: string; readonly fence: number | undefined }>;
  readonly freed: Map<number, string>;
}

/** From when until when a client believed that it had the lock, by its own readings of the machine's clock. */
export interface Hold {
  readonly client: string;
  readonly lease: string;
  readonly fence: number;
  readonly waited: number;
  /** When it began to ask. */
  readonly asked: number;
  readonly from: number;
  /** Infinite while it has not ended. */
  until: number;
  outcome: string;
  isLost: boolean;
}

export interface Refusal {
  readonly client: string;
  readonly at: number;
  readonly votes: readonly LoggedVote[];
}

/** What the clients told. */
export class History {
  readonly holds: Hold[] = [];
  readonly refusals: Refusal[] = [];
  attempts = 0;
  timeouts = 0;
  readonly #ballots = new Map<string, Ballot>();
  readonly #asked = new Map<string, number>();

  tell(entry: Entry): void {
    if (entry.what === "asks") this.#asked.set(entry.client, entry.at);
    else if (entry.what === "attempt") this.attempts += 1;
    else if (entry.what === "timeout") this.timeouts += 1;
    else if (entry.what === "refused") this.refusals.push(entry);
    else if (entry.what === "acquired") this.#acquired(entry);
    else if (entry.what === "vote") this.ballot(entry.lease).votes.set(entry.node, votedFor(entry));
    else if (entry.what === "release at node") this.ballot(entry.lease).freed.set(entry.node, entry.answer);
    else this.#ended(entry);
  }

  /** By the beginning of the owner token. */
  ballot(lease: string): Ballot {
    const ballot = this.#ballots.get(lease) ?? { votes: new Map(), freed: new Map() };
    this.#ballots.set(lease, ballot);
    return ballot;
  }

  /** What a client holds now, or held last. */
  last(client: string): Hold | undefined {
    return this.holds.findLast((hold) => hold.client === client);
  }

  /** How many turns a client, or all of them, did to their end. */
  done(client?: string): number {
    const ended = this.holds.filter((hold) => Number.isFinite(hold.until) && !hold.isLost);
    return ended.filter((hold) => client === undefined || hold.client === client).length;
  }

  #acquired({ client, lease, fence, waited, at: from }: EntryOf<"acquired">): void {
    const asked = this.#asked.get(client) ?? from;
    const until = Number.POSITIVE_INFINITY;
    this.holds.push({ client, lease, fence, waited, asked, from, until, outcome: "holds", isLost: false });
  }

  #ended(entry: Entry): void {
    const hold = this.last(entry.client);
    if (hold === undefined) return;
    if (entry.what === "lost") hold.isLost = true;
    else if (entry.what === "ends") hold.until = entry.until;
    else if (entry.what === "released") hold.outcome = entry.outcome;
  }
}

function votedFor({ answer, fence }: EntryOf<"vote">) {
  return { answer, fence };
}
