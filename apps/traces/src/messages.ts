import type { LeaseTicket } from "@lock/core";

export const SERVICES = ["checkout", "billing"] as const;
export type ServiceName = (typeof SERVICES)[number];

/** The order whose payment is slow. */
export const SLOW_ORDER = 42;
/** Orders that are paid meanwhile: if Redis were slow, all of them would wait. */
export const OTHER_ORDERS: readonly number[] = Array.from({ length: 20 }, (_, index) => index + 1);

/** What a service process is. */
export interface Task {
  readonly service: ServiceName;
  readonly prefix: string;
  /** Where it sends its spans and metrics, and asks for payments. */
  readonly origin: string;
}

/** What a service is asked to do. */
export type Request =
  | { readonly kind: "pay"; readonly order: number }
  | { readonly kind: "receipt"; readonly ticket: LeaseTicket }
  | { readonly kind: "invoice"; readonly order: number };

/** A payment ends with the ticket of its lease, for the receipt. */
export type Answer =
  | { readonly kind: "paid"; readonly ticket: LeaseTicket }
  | { readonly kind: "busy" }
  | { readonly kind: "written" };

export type ToService = { readonly id: number; readonly request: Request } | { readonly end: true };
export type FromService =
  | { readonly kind: "ready" }
  | { readonly kind: "waits"; readonly key: string }
  | { readonly kind: "answer"; readonly id: number; readonly answer: Answer };

export function keyOf(order: number): string {
  return `order:${order}`;
}
