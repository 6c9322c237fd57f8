import type { Lease } from "../../lease/lease.ts";
import type { OpenLocks } from "../locks-suite.ts";
import { eventually, type Test } from "../test-api.ts";

export type ModesTest = Test<OpenLocks>;

let made = 0;

/** A key that no other test uses; the zero-padded number makes keys of one test sort as they are made. */
export const newKey = (): string => `mode key ${String(made++).padStart(5, "0")}`;

/** Resolves when so many wait for a key. */
export async function waiting({ one }: OpenLocks, key: string, count: number): Promise<void> {
  await eventually(`${count} waiters`, async () =>
    ((await one.inspect(key))?.waiting ?? 0) === count ? true : undefined,
  );
}

/** What was acquired, and in which order. */
export class Order {
  readonly names: string[] = [];
  readonly leases = new Map<string, Lease>();

  /** Notes an acquire when it succeeds. */
  async note<L extends Lease>(name: string, acquiring: Promise<L>): Promise<L> {
    const lease = await acquiring;
    this.names.push(name);
    this.leases.set(name, lease);
    return lease;
  }

  async release(...names: string[]): Promise<void> {
    for (const name of names) await this.leases.get(name)?.release();
  }

  /** Resolves when so many were acquired. */
  async reached(count: number): Promise<void> {
    await eventually(`${count} of ${this.names.join(", ")}`, () =>
      this.names.length === count ? true : undefined,
    );
  }
}
