import { parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly nodes: number;
  readonly rounds: number;
  /** Milliseconds. */
  readonly ttl: number;
  readonly help: boolean;
}

export const HELP = `Several nodes share 4 AI models through a pool. Each piece of work takes any free
model, or a chosen model. One node is killed while it holds a model; that model
comes back when the lease ends.

  pnpm demo model-pool [options]

  --nodes N     how many processes, 2 to 12 (default 6)
  --rounds N    how many pieces of work each node has, 2 to 20 (default 4)
  --ttl MS      how long a lease lasts if it is not extended, 500 to 10000
                (default 2000)
  --help        show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: 0 if no two nodes had one model at a time, all work was done, and the
model of the killed node came back. Otherwise 1.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("model-pool", argv, {
    nodes: { type: "string" },
    rounds: { type: "string" },
    ttl: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  return {
    nodes: readWhole("--nodes", values.nodes, { byDefault: 6, least: 2, most: 12 }),
    rounds: readWhole("--rounds", values.rounds, { byDefault: 4, least: 2, most: 20 }),
    ttl: readWhole("--ttl", values.ttl, { byDefault: 2_000, least: 500, most: 10_000 }),
    help: values.help === true,
  };
}
