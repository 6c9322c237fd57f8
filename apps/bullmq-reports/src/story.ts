import { colours, type DemoRedis, print, printProse } from "@lock/demo-kit";
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
  printProse(`Two services ask for the same reports, again and again, each in a queue of its own.
A report takes 100 to 300 ms, and its 4 steps are written to a store.
${VICTIM} is killed in the middle of a report. ${SLEEPER} is paused in the middle of another report, until
BullMQ has given that report to another worker. Then ${SLEEPER} wakes up, and writes as if nothing had happened.\n`);
  if (guarded) {
    for (const line of CODE) print(colours.dim(`  ${line}`.trimEnd()));
    print();
  }
  print(`Redis:  ${description}\n`);
}
