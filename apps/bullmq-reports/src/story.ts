import { colours, type DemoRedis, print } from "@lock/demo-kit";
import { SLEEPER, VICTIM } from "./fates.ts";
import { REPORTS, REQUESTS } from "./plan.ts";

/** Lines of guards.ts, producer.ts and worker.ts, which a test compares. */
export const CODE = [
  `const once = guardJobs({ locks, key, scope, strategy: "until-expired", … });`,
  'await once.add(queue, "build", { report }, OPTIONS)',
  "",
  `const alone = guardJobs({ locks, key, scope, strategy: "while-executing",`,
  "  ttl: 1_200, … });",
  "alone.processor((job: ReportJob, { signal, fencingToken }) =>",
  "  builder.build(job, signal, fencingToken))",
];

/** What is about to happen, before it does. */
export function printStory(guarded: boolean, { description }: DemoRedis): void {
  const how = guarded ? colours.green("with the guard") : colours.red("WITHOUT the guard");
  const title = `${REQUESTS} requests for ${REPORTS.length} reports, three BullMQ workers, ${how}`;
  print(`\n${colours.bold(title)}\n`);
  print("Two services ask for the same reports, again and again, each in a queue of its");
  print("own. A report takes 100 to 300 ms, and its 4 steps are written to a store.");
  print(`${VICTIM} is killed in the middle of a report. ${SLEEPER} is paused in the middle`);
  print("of another one, until BullMQ has given that to somebody else; then it wakes up,");
  print("and writes as if nothing had happened.\n");
  if (guarded) {
    for (const line of CODE) print(colours.dim(`  ${line}`.trimEnd()));
    print();
  }
  print(`Redis:  ${description}\n`);
}
