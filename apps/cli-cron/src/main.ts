import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoRedis, prefixOfRun, runDemo } from "@lock/demo-kit";
import { readLedger } from "./ledger.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { Plot } from "./plot.ts";
import { printStory } from "./story.ts";
import { judge, printVerdict } from "./verdict.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using redis = await demoRedis();
  stop.throwIfAborted();
  await using folder = await newFolder();
  printStory(options, redis.description);
  const plot = new Plot(options, folder.ledger);
  const settings = {
    key: `${prefixOfRun("cli-cron")}:nightly-report`,
    ledger: folder.ledger,
    env: redis.env,
  };
  await using first = plot.open("host-1", settings);
  await using second = plot.open("host-2", settings);
  await plot.run({ "host-1": first, "host-2": second }, stop);
  return printVerdict(
    judge(await readLedger(folder.ledger), { reports: options.reports, killed: plot.killed?.pid }),
  );
}

async function newFolder(): Promise<AsyncDisposable & { readonly ledger: string }> {
  const folder = await mkdtemp(join(tmpdir(), "lock-demo-"));
  const ledger = join(folder, "ledger.txt");
  await writeFile(ledger, "");
  return { ledger, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
