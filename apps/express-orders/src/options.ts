import { DemoError, parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly lock: boolean;
  readonly orders: number;
  readonly keep: boolean;
  readonly serve: boolean;
  readonly minutes: number;
  readonly help: boolean;
}

export const HELP = `Two instances of an Express app charge orders. Each order is paid twice at the same moment, once at each
instance, as a double click does; the ledger shows how often it was charged.

  pnpm demo express-orders [options]

  --no-lock     charge without the lock, and see what is charged twice
  --orders N    how many orders, 1 to 1000 (default 200)
  --serve       serve a checkout page from both instances instead, until Ctrl-C
  --minutes N   how long it is served at most, 1 to 60 (default 10)
  --keep        keep the ledger, a CSV file, and print where it is
  --help        show this

It starts a Redis of its own, unless REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_PASSWORD name one.
Exit code: with the lock 0 only if each order was charged exactly once, and every answer was as it has to be; without
it always 0, whether orders were charged twice or not.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("express-orders", argv, {
    "no-lock": { type: "boolean" },
    orders: { type: "string" },
    keep: { type: "boolean" },
    serve: { type: "boolean" },
    minutes: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  const serve = values.serve === true;
  if (!serve && values.minutes !== undefined) throw new DemoError("--minutes is for --serve only");
  if (serve && values.orders !== undefined) throw new DemoError("--orders is not for --serve");
  return {
    lock: values["no-lock"] !== true,
    orders: readWhole("--orders", values.orders, { byDefault: 200, least: 1, most: 1_000 }),
    keep: values.keep === true,
    serve,
    minutes: readWhole("--minutes", values.minutes, { byDefault: 10, least: 1, most: 60 }),
    help: values.help === true,
  };
}
