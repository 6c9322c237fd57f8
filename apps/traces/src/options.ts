import { parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  /** How long the payment provider takes for the slow order, ms. */
  readonly slow: number;
  readonly help: boolean;
}

export const HELP = `Two services, checkout and billing, are two processes on one Redis. checkout
locks an order, and its payment provider is slow. billing waits for the same
order. Both export traces and metrics of their locks by @lock/otel, and the demo
shows in them who held the order, who waited for it, and why.

  pnpm demo traces [options]

  --slow MS  how long the payment provider takes, 500 to 10000 (default 1200)
  --help     show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: 0 if every span came with its parent, and the leases of the order
explain the wait for it. Else 1.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("traces", argv, {
    slow: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  return {
    slow: readWhole("--slow", values.slow, { byDefault: 1_200, least: 500, most: 10_000 }),
    help: values.help === true,
  };
}
