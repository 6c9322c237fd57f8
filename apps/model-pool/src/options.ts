import { parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly nodes: number;
  readonly rounds: number;
  /** Milliseconds. */
  readonly ttl: number;
  readonly help: boolean;
}

export const HELP = `Several nodes share 4 AI models through a pool: each piece of work takes any model that is free, or a chosen
one. One node is killed while it holds a model, which comes back when its lease ends.

  pnpm demo model-pool [options]

  --nodes N     how many processes, 2 to 12 (default 6)
  --rounds N    how many pieces of work each of them has, 2 to 20 (default 4)
  --ttl MS      how long a lease lasts unless it is extended, 500 to 10000 ms (default 2000)
  --help        show this

It starts a Redis of its own, unless REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_PASSWORD name one.
Exit code: 0 only if no two nodes had one model at a time, all work was done, and the dead node's model came back.`;

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
