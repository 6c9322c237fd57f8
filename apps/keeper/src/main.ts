import { orStop, print, runDemo } from "@lock/demo-kit";
import { Crew } from "./crew.ts";
import { History } from "./history.ts";
import { KEEPERS, type Told } from "./messages.ts";
import { Network } from "./network.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { Plot } from "./plot.ts";
import { Register } from "./register.ts";
import { printVerdict } from "./report.ts";
import { printStory } from "./story.ts";
import { header, legend, Timeline } from "./timeline.ts";
import { judge } from "./verdict.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using network = await Network.start(KEEPERS);
  stop.throwIfAborted();
  printStory(options, network);
  const [history, register] = [new History(), new Register()];
  print(`${legend()}\n\n${header()}`);
  const timeline = new Timeline(history);
  const hear = (told: Told) => {
    history.tell(told);
    timeline.tell(told, told.kind === "writes" ? plot.wrote(told, told) : undefined);
    if (told.kind === "asks") plot.asked(told);
  };
  await using crew = new Crew(network, { epoch: Date.now(), every: options.every }, hear);
  const plot = new Plot({ crew, network, history, register, timeline, stop });
  await orStop(Promise.race([Promise.all(KEEPERS.map((keeper) => crew.start(keeper))), crew.failed]), stop);
  await orStop(Promise.race([plot.run(options.fates), crew.failed]), stop);
  return printVerdict(judge(history, register, options.fates), history, register);
}
