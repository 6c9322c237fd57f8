import { setTimeout as sleep } from "node:timers/promises";
import type { Crew } from "./crew.ts";
import { keyOf, OTHER_ORDERS, SLOW_ORDER } from "./messages.ts";

/** How long the payment provider takes for all other orders. */
const QUICK_MS = 25;
/** Between two of the other orders. */
const EVERY_MS = 50;

/** What the services are asked: one slow order, and many others at the same time. */
export class Plot {
  #invoice: Promise<void> | undefined;

  constructor(
    private readonly crew: Crew,
    private readonly slow: number,
    private readonly stop: AbortSignal,
  ) {}

  /** Resolves when all orders are paid, and have their receipts and invoices. */
  async run(): Promise<void> {
    const others = OTHER_ORDERS.map(async (order, index) => {
      // Not by the signal of the demo: each of many sleeps would listen to it.
      await sleep(index * EVERY_MS, undefined, { ref: false });
      await this.#pay(order);
      await this.#invoiceOf(order);
    });
    await Promise.all([this.#pay(SLOW_ORDER), ...others]);
    await this.#invoice;
  }

  /** The payment provider: by now, checkout has the lease of the order. */
  async charge(order: number): Promise<void> {
    if (order !== SLOW_ORDER) {
      await sleep(QUICK_MS);
      return;
    }
    const isWaiting = this.crew.waits(keyOf(order));
    this.#invoice = this.#invoiceOf(order);
    await isWaiting;
    // The second click of the customer is refused at once.
    await this.crew.ask("checkout", { kind: "pay", order });
    await sleep(this.slow, undefined, { signal: this.stop });
  }

  async #pay(order: number): Promise<void> {
    const answer = await this.crew.ask("checkout", { kind: "pay", order });
    if (answer.kind !== "paid") throw new Error(`order ${order} was not paid: ${answer.kind}`);
    await this.crew.ask("billing", { kind: "receipt", ticket: answer.ticket });
  }

  async #invoiceOf(order: number): Promise<void> {
    await this.crew.ask("billing", { kind: "invoice", order });
  }
}
