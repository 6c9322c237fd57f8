import { DemoError, type DemoRedis, demoRedis, orStop, prefixOfRun, print, runDemo } from "@lock/demo-kit";
import { Board } from "./board.ts";
import { openKeys, openQueue } from "./connections.ts";
import { Crew } from "./crew.ts";
import { SLEEPER } from "./fates.ts";
import { QUEUES } from "./messages.ts";
import { watch } from "./observer.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { REPORTS } from "./plan.ts";
import { printRefused, printReports, printRequests, printVerdict } from "./report.ts";
import { openScreen } from "./screen.ts";
import { printStory } from "./story.ts";
import { judge } from "./verdict.ts";

await runDemo(readOptions, HELP, demo);

async function demo({ guard, keep }: Options, stop: AbortSignal): Promise<number> {
  await using redis = await demoRedis();
  stop.throwIfAborted();
  if (keep && redis.startedHere) {
    throw new DemoError("--keep is for a Redis that stays: name one by REDIS_URL, or REDIS_HOST");
  }
  const prefix = prefixOfRun("bullmq-reports");
  printStory(guard, redis);
  await using keys = openKeys(redis, prefix, keep);
  const board = new Board();
  await build({ redis, prefix, guarded: guard, board, stop });
  const verdict = judge(await keys.store.readLog(), { reports: REPORTS, guarded: guard, paused: SLEEPER });
  printReports(verdict, guard);
  printRefused(verdict);
  printRequests(board);
  if (keep) print(`\nKept:   ${keys.kept}`);
  return printVerdict(verdict, guard);
}

interface Setting {
  readonly redis: DemoRedis;
  readonly prefix: string;
  readonly guarded: boolean;
  readonly board: Board;
  readonly stop: AbortSignal;
}

/** Resolves when all reports are built, and no process is left that could write. */
async function build({ redis, prefix, guarded, board, stop }: Setting): Promise<void> {
  const screen = openScreen();
  const [first, second] = QUEUES;
  await using web = openQueue(first, redis.url, prefix);
  await using nightly = openQueue(second, redis.url, prefix);
  await using crew = new Crew({ prefix, guarded, env: redis.env, board, say: (text) => screen.say(text) });
  await orStop(crew.ready(), stop);
  const start = performance.now();
  const seen = watch([web, nightly], crew.work(), (queues) => {
    screen.show({ at: performance.now() - start, board, queues, guarded });
  });
  await orStop(crew.during(seen), stop);
}
