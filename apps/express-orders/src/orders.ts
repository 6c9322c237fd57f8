import { createHash } from "node:crypto";

export interface Order {
  readonly id: string;
  readonly item: string;
  readonly cents: number;
}

const ITEMS = [
  ["Ceramic teapot", 4_290],
  ["Wool blanket", 7_900],
  ["Desk lamp", 5_450],
  ["Walnut cutting board", 3_875],
  ["Enamel mug, set of four", 2_960],
  ["Linen tablecloth", 6_125],
] as const;

/** What was ordered under this id. The same at every instance, without a table of orders. */
export function orderOf(id: string): Order {
  const [byte = 0] = createHash("sha256").update(id).digest();
  const [item, cents] = ITEMS[byte % ITEMS.length] ?? ITEMS[0];
  return { id, item, cents };
}

/** Short, and without what cannot be seen. */
export function isOrderId(id: string): boolean {
  return /^\P{C}{1,64}$/u.test(id);
}

export function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} €`;
}
