import { colours, libraryOf, orStop, print, runDemo } from "@lock/demo-kit";
import { Crew } from "./crew.ts";
import { History } from "./history.ts";
import { LogFile } from "./log-file.ts";
import type { Task } from "./messages.ts";
import { Nodes } from "./nodes.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { Outage } from "./outage.ts";
import { printVerdict } from "./report.ts";
import { legend, Rows } from "./rows.ts";
import { printStory } from "./story.ts";
import { Timeline } from "./timeline.ts";
import { judge } from "./verdict.ts";

/** Between the starts of two clients. */
const DELAY_MS = 120;

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using log = await LogFile.open(options.log);
  await using nodes = await Nodes.start();
  stop.throwIfAborted();
  const tasks = tasksFor(options);
  printStory(options, tasks, nodes);
  const history = new History();
  const rows = new Rows(options.clients);
  const timeline = new Timeline(options.clients, rows, history);
  const outage = new Outage(options, nodes, history, (incident) => {
    log.write(incident);
    timeline.incident(incident);
  });
  await using crew = new Crew(tasks, nodes.env, (client, entry) => {
    log.write(entry);
    history.tell(entry);
    timeline.tell(client, entry);
    if (entry.what === "acquired") outage.onAcquired(stop);
  });
  await orStop(crew.ready(), stop);
  print(`${legend()}\n\n${colours.bold(rows.header)}`);
  timeline.begin();
  await orStop(crew.work(), stop);
  print(colours.dim("\nAll work is done. The clients close, and repeat releases that got no answer."));
  await orStop(crew.ended(), stop);
  await orStop(outage.over(), stop);
  return printVerdict(judge(history, outage, options), history, outage, log);
}

/** Every other client uses the other library: they keep each other out all the same. */
function tasksFor({ clients, turns }: Options): Task[] {
  return Array.from({ length: clients }, (_, index) => {
    const client = index + 1;
    return { client, library: libraryOf(client), delay: index * DELAY_MS, turns };
  });
}
