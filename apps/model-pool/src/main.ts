import {
  type DemoRedis,
  demoRedis,
  libraryOf,
  machineTime,
  orStop,
  prefixOfRun,
  runDemo,
} from "@lock/demo-kit";
import { openLocks } from "@lock/demo-kit/clients";
import { Crew } from "./crew.ts";
import type { Task } from "./messages.ts";
import { type Sight, watch } from "./observer.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { Plan } from "./plan.ts";
import { printVerdict } from "./report.ts";
import { openScreen } from "./screen.ts";
import { printRedis, printStory } from "./story.ts";
import { type Expected, judge } from "./verdict.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using redis = await demoRedis();
  stop.throwIfAborted();
  const plan = new Plan(options.nodes, options.rounds);
  const prefix = prefixOfRun("model-pool");
  const tasks = tasksFor(options, prefix);
  const expected = expectedOf(plan, options.ttl);
  printStory(options, plan, tasks);
  printRedis(redis);
  await using crew = new Crew(plan, tasks, redis.env);
  await orStop(crew.ready(), stop);
  await watchWork(crew, { redis, prefix, expected, stop });
  const { holds, death } = crew.history;
  return printVerdict(judge(holds, death, expected), holds, death, options.ttl);
}

interface Setting {
  readonly redis: DemoRedis;
  readonly prefix: string;
  readonly expected: ReturnType<typeof expectedOf>;
  readonly stop: AbortSignal;
}

/** An observer with locks of its own: what is shown is what the server says, not what the nodes tell. */
async function watchWork(crew: Crew, { redis, prefix, expected, stop }: Setting): Promise<void> {
  await using observer = openLocks(redis.url, { prefix, holder: "observer" });
  const screen = openScreen();
  const start = machineTime();
  const { ttl, total } = expected;
  const show = (sight: Sight) => {
    const { death, done } = crew.history;
    screen({ ...sight, at: machineTime() - start, now: Date.now(), ttl, death, done, total });
  };
  await watch(observer.locks, orStop(crew.work(), stop), show);
}

/** Two clients, and all others in the pool do not notice which. */
function tasksFor({ nodes, ttl }: Options, prefix: string): Task[] {
  return Array.from({ length: nodes }, (_, index) => {
    const node = index + 1;
    return { node, client: libraryOf(node), prefix, ttl };
  });
}

/** To be asked before the work begins, which empties the plan. */
function expectedOf(plan: Plan, ttl: number): Expected & { readonly total: number } {
  const done = new Map(
    Array.from({ length: plan.nodes }, (_, index) => [index + 1, plan.expected(index + 1)]),
  );
  const total = [...done.values()].reduce((sum, pieces) => sum + pieces, 0);
  return { done, models: plan.models, ttl, total };
}
