import { parseArgs } from "node:util";

export const WORKLOADS = ["sequential", "distinct", "contended", "waiters"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export interface Options {
  readonly only: readonly WorkloadName[];
  readonly quick: boolean;
  readonly rivals: boolean;
}

/** @throws Error that says what is allowed */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    // `pnpm bench -- --quick` hands the separator on.
    args: args.filter((arg) => arg !== "--"),
    options: { only: { type: "string" }, quick: { type: "boolean" }, rivals: { type: "string" } },
  });
  const { only, quick = false, rivals = "yes" } = values;
  if (rivals !== "yes" && rivals !== "no") throw new Error(`--rivals is yes or no, got ${rivals}`);
  const chosen = WORKLOADS.filter((name) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`--only is one of ${WORKLOADS.join(", ")}, got ${only}`);
  return { only: chosen, quick, rivals: rivals === "yes" };
}
