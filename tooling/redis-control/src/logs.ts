import { setTimeout as sleep } from "node:timers/promises";
import { colours, printable, printWhole } from "@lock/demo-kit";
import { type Command, ControlError, readNumber } from "./command.ts";
import { compose, hasContainers } from "./compose.ts";
import { linesFrom, sizeOf, tail } from "./log-file.ts";
import { findRunning, homeOf, type Running } from "./state.ts";

const HELP = `pnpm redis:logs [--lines <n>] [--follow]

Shows the end of the logs of what redis:start has started.

  --lines <n>  of each, 1 to 10000 (default 20)
  --follow     goes on, until Ctrl-C

Exit code: 0, or 1 when nothing runs.`;

const LOOK_EVERY_MS = 250;

export const logs: Command = {
  name: "logs",
  help: HELP,
  options: { lines: { type: "string" }, follow: { type: "boolean" } },
  async run(values) {
    const lines = readNumber(values, "lines", 1, 10_000) ?? 20;
    const follow = values.follow === true;
    const running = await findRunning();
    if (running.length > 0) {
      for (const { name } of running) show(name, await tail(homeOf(name).log, lines));
      if (follow) await Promise.all(running.map(goOn));
      return 0;
    }
    if (!(await hasContainers())) throw new ControlError("nothing runs that redis:start has started");
    const words = ["logs", "--tail", String(lines), ...(follow ? ["--follow"] : [])];
    return (await compose(...words)) === 0 ? 0 : 1;
  },
};

function show(name: string, text: string): void {
  for (const line of text.split("\n")) {
    if (line !== "") printWhole(`${colours.dim(`${name} │`)} ${printable(line)}`);
  }
}

async function goOn({ name }: Running): Promise<never> {
  const { log } = homeOf(name);
  let end = await sizeOf(log);
  for (;;) {
    await sleep(LOOK_EVERY_MS);
    const next = await linesFrom(log, end);
    show(name, next.text);
    end = next.end;
  }
}
