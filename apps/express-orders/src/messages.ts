/** What a shop process is. */
export interface Task {
  readonly instance: number;
  /** Where it listens; 0 for any port that is free. */
  readonly port: number;
  /** The path of the ledger that all instances share. */
  readonly ledger: string;
  /** Of the keys: each run of the demo has one of its own. Undefined: it charges without the lock. */
  readonly prefix: string | undefined;
}

/** Where an instance of the shop is. */
export interface Place {
  readonly name: string;
  /** Such as http://127.0.0.1:41234. */
  readonly origin: string;
  readonly pid: number;
}

/** One request to charge an order, and what became of it. */
export interface Attempt {
  /** When it was answered, as `Date.now()` tells. */
  readonly at: number;
  readonly instance: string;
  readonly order: string;
  readonly outcome: "charged" | "already charged" | "refused" | "failed";
  readonly status: number;
  /** Undefined when there was no lease, as are all without the lock and all that were refused. */
  readonly fence: number | undefined;
  /** For how long the lease was held, in milliseconds. */
  readonly held: number | undefined;
}

export type ToShop = { readonly kind: "open"; readonly places: readonly Place[] };
export type FromShop =
  | { readonly kind: "listening"; readonly place: Place }
  /** From now on requests are answered. */
  | { readonly kind: "open" }
  | { readonly kind: "attempt"; readonly attempt: Attempt };

export const INSTANCES = [1, 2] as const;

export function nameOf(instance: number): string {
  return `shop-${instance}`;
}

export function instanceOf(name: string): number {
  return Number(name.split("-")[1] ?? 1);
}
