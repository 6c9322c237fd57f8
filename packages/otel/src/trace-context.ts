import { context, propagation } from "@opentelemetry/api";

/**
 * The trace that is active now, for a ticket: the process that adopts the lease goes on in the same trace. Empty where no
 * propagator is registered.
 * @example
 * const ticket = lease.toTicket({ context: traceContext() });
 */
export function traceContext(): Readonly<Record<string, string>> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}
