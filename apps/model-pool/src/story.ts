import { colours, type DemoRedis, paintOf, print, printProse } from "@lock/demo-kit";
import { MODELS, nameOf, type Task } from "./messages.ts";
import type { Options } from "./options.ts";
import { describeJobs, type Plan } from "./plan.ts";

/** What is about to happen, before it does. */
export function printStory({ nodes, ttl }: Options, plan: Plan, tasks: readonly Task[]): void {
  print(`\n${colours.bold(`${nodes} nodes, ${MODELS} AI models, one pool`)}\n`);
  printProse(`A piece of work needs a model for 150 to 500 ms: any free model, or a chosen model.
${nameOf(plan.victim)} is killed while it holds a model, and ${nameOf(plan.heir)} does that work again.\n`);
  for (const { node, client } of tasks) {
    print(`  ${paintOf(node)(nameOf(node).padEnd(7))}  ${client.padEnd(10)}  ${describeJobs(plan, node)}`);
  }
  print(`\nttl:   ${ttl} ms, short enough to watch how the model of a dead node comes back`);
  print("       For real models, think of { ttl: 1_800_000, wait: 10_000 }.");
}

export function printRedis({ description }: DemoRedis): void {
  print(`Redis: ${description}`);
  print(colours.dim("\nWhat pool.list() and locks.inspect() say of the pool:\n"));
}
