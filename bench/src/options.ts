import { parseArgs } from "node:util";

export const WORKLOADS = ["sequential", "distinct", "contended", "waiters"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export const USAGE = `pnpm bench [options]

  --quick           shorter rounds; only the fastest rivals where a key is contended
  --only WORKLOAD   ${WORKLOADS.join(", ")}
  --rivals no       only plain commands and @lock/core
  --beside FILE     also a module of yours, with { name, make(port) }, where the key is free
  --against FOLDER  only the client CPU of a free key, of this build by that of another checkout
  --instrumented    with --against: this build with @lock/otel and no provider, the other one without
  --rounds N        with --against: how many (20)
  --help            this text`;

export interface Options {
  readonly only: readonly WorkloadName[];
  readonly quick: boolean;
  readonly rivals: boolean;
  /** A module to be measured, too. */
  readonly beside: string | undefined;
  /** Another checkout. */
  readonly against: string | undefined;
  readonly instrumented: boolean;
  readonly rounds: number;
}

/**
 * `help`: it is asked how to use this.
 * @throws Error that says what is allowed
 */
export function parseOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    // `pnpm bench -- --quick` hands the separator on.
    args: args.filter((arg) => arg !== "--"),
    options: {
      only: { type: "string" },
      quick: { type: "boolean" },
      rivals: { type: "string" },
      against: { type: "string" },
      beside: { type: "string" },
      instrumented: { type: "boolean" },
      rounds: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const {
    only,
    quick = false,
    rivals = "yes",
    against,
    beside,
    instrumented = false,
    rounds = "20",
    help = false,
  } = values;
  if (help) return "help";
  if (rivals !== "yes" && rivals !== "no") throw new Error(`--rivals is yes or no, got ${rivals}`);
  if (!/^[1-9]\d{0,3}$/.test(rounds)) throw new Error(`--rounds is a number from 1 to 9999, got ${rounds}`);
  if (instrumented && against === undefined) throw new Error("--instrumented needs --against FOLDER");
  const chosen = WORKLOADS.filter((name) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`--only is one of ${WORKLOADS.join(", ")}, got ${only}`);
  return {
    only: chosen,
    quick,
    rivals: rivals === "yes",
    against,
    beside,
    instrumented,
    rounds: Number(rounds),
  };
}
