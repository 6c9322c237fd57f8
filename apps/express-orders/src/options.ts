import { DemoError, parseOptions, readPort, readWhole } from "@lock/demo-kit";
import { INSTANCES } from "./messages.ts";

export interface Options {
  readonly lock: boolean;
  readonly orders: number;
  readonly keep: boolean;
  readonly serve: boolean;
  /** Of the first instance; 0 for any that is free. */
  readonly port: number;
  readonly minutes: number;
  readonly help: boolean;
}

export const HELP = `Two instances of an Express app charge orders. Each order is paid twice at the
same moment, once at each instance, as a double click does. The ledger shows how
often each order was charged.

  pnpm demo express-orders [options]

  --no-lock     charge without the lock, and see the double charges
  --orders N    how many orders, 1 to 1000 (default 200)
  --serve       serve a checkout page from both instances, until Ctrl-C
  --port N      serve at the ports N and N + 1 (default: free ports)
  --minutes N   how long it is served at most, 1 to 60 (default 10)
  --keep        keep the ledger, a CSV file, and print where it is
  --help        show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: with the lock, 0 if each order was charged exactly once and every
answer was right, and 1 if not. With --no-lock, 0 also when orders were charged
twice.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("express-orders", argv, {
    "no-lock": { type: "boolean" },
    orders: { type: "string" },
    keep: { type: "boolean" },
    serve: { type: "boolean" },
    port: { type: "string" },
    minutes: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  const serve = values.serve === true;
  if (!serve && values.port !== undefined) throw new DemoError("--port is for --serve only");
  if (!serve && values.minutes !== undefined) throw new DemoError("--minutes is for --serve only");
  if (serve && values.orders !== undefined) throw new DemoError("--orders is not for --serve");
  return {
    lock: values["no-lock"] !== true,
    orders: readWhole("--orders", values.orders, { byDefault: 200, least: 1, most: 1_000 }),
    keep: values.keep === true,
    serve,
    port: readPort(values.port, INSTANCES.length),
    minutes: readWhole("--minutes", values.minutes, { byDefault: 10, least: 1, most: 60 }),
    help: values.help === true,
  };
}
