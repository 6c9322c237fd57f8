import { colours, demoRedis, orStop, prefixOfRun, print, runDemo, Site } from "@lock/demo-kit";
import { Collector } from "./collector.ts";
import { Crew } from "./crew.ts";
import { keyOf, OTHER_ORDERS, SLOW_ORDER } from "./messages.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { Plot } from "./plot.ts";
import { printMetrics } from "./show-metrics.ts";
import { printTrees } from "./show-trees.ts";
import { printStory } from "./story.ts";
import { treesOf } from "./trees.ts";
import { judge, printVerdict } from "./verdict.ts";
import { waitsFor } from "./waits.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using redis = await demoRedis();
  stop.throwIfAborted();
  printStory(options, redis.description);
  const collector = new Collector();
  await using site = await Site.open();
  await using crew = new Crew();
  const plot = new Plot(crew, options.slow, stop);
  site.serve(collector.app((order) => plot.charge(order)));
  const settings = { prefix: prefixOfRun("traces"), origin: site.origin, env: redis.env };
  await orStop(crew.start(settings), stop);
  print(`${colours.dim(`both services are up, and ${OTHER_ORDERS.length + 1} orders come in ...`)}\n`);
  await orStop(crew.during(plot.run()), stop);
  await orStop(crew.end(), stop);
  return report(collector);
}

function report({ spans, series }: Collector): number {
  const key = keyOf(SLOW_ORDER);
  const waits = waitsFor(key, spans);
  print(`${colours.bold(`The traces with lock.key = ${key}`)}\n`);
  printTrees(treesOf(spans, key));
  print(`\n${colours.bold("The metrics of all orders")}\n`);
  printMetrics(series);
  return printVerdict(judge(spans, waits), waits, series);
}
