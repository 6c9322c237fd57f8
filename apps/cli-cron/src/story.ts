import { colours, paintOf, print, printProse } from "@lock/demo-kit";
import type { Options } from "./options.ts";

export const HOSTS = ["host-1", "host-2"] as const;
export type HostName = (typeof HOSTS)[number];

/** What is about to happen, before it does. */
export function printStory({ kill }: Options, redis: string): void {
  print(`\n${colours.bold("cron on two hosts, one report at a time")}\n`);
  printProse(`Both hosts try to run the report all the time. lock run lets one of them, and the other one skips.
${kill ? "In the middle of the second report, lock run is killed with SIGKILL.\n" : ""}`);
  print(`  lock run nightly-report --wait 0 --ttl 3s -- sh report.sh\n`);
  print(`Redis: ${redis}\n`);
  print(
    `█ runs the report   ✗ its lock run was killed\n\n${colours.bold("    ms  1 2  host    what happens")}`,
  );
}

/** Prints what happens, with a column for each host. */
export class Timeline {
  readonly #begun = Date.now();
  readonly #marks: Record<HostName, string> = { "host-1": "·", "host-2": "·" };

  mark(host: HostName, mark: "█" | "·" | "✗"): void {
    this.#marks[host] = mark;
  }

  tell(host: HostName, what: string, at = Date.now()): void {
    const ms = String(Math.max(0, Math.round(at - this.#begun))).padStart(6);
    const columns = HOSTS.map((name, index) => paintOf(index + 1)(this.#marks[name])).join(" ");
    print(`${ms}  ${columns}  ${paintOf(HOSTS.indexOf(host) + 1)(host)}  ${what}`);
  }
}
