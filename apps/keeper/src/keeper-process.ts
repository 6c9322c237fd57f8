import { DemoError, type Parent, runWorker } from "@lock/demo-kit";
import { openLocks } from "./clients.ts";
import { keep, LEAD, type World } from "./keeper.ts";
import {
  type FromKeeper,
  type Happening,
  machineTime,
  nameOf,
  type Task,
  type ToKeeper,
} from "./messages.ts";

type Main = Parent<ToKeeper, FromKeeper>;

// One keeper process; crew.ts starts two.
await runWorker<ToKeeper, FromKeeper>(async (main) => {
  // crew.ts wrote it, with the same type.
  const task = main.argument as Task;
  await using opened = await openLocks(urlsOfParent(), task.library, nameOf(task.keeper));
  const world = worldOf(task, main);
  opened.locks.on("extended", ({ key, validFor }) => {
    if (key === LEAD) world.tell({ kind: "extended", until: machineTime() + validFor });
  });
  opened.locks.on("lost", ({ key, reason }) => {
    if (key === LEAD) world.tell({ kind: "lost", reason });
  });
  main.send({ kind: "ready", pid: process.pid });
  await keep(opened.locks, task, world, main.stop);
});

/** The market and the register are with the demo: neither is a node, so they are reached also when all nodes are not. */
function worldOf({ keeper }: Task, main: Main): World {
  const tell = (happening: Happening) => main.send({ ...happening, keeper, at: machineTime() });
  return {
    tell,
    askPrice: async (tick) => {
      tell({ kind: "asks", tick });
      const answer = await main.next();
      return answer.kind === "price" ? answer.price : Number.NaN;
    },
    write: async (write) => {
      tell({ kind: "writes", ...write });
      const answer = await main.next();
      return answer.kind === "written" && answer.isAccepted;
    },
  };
}

function urlsOfParent(): string[] {
  const { DEMO_NODES } = process.env;
  if (!DEMO_NODES)
    throw new DemoError("DEMO_NODES is not set: this process is started by a demo, not by hand");
  return DEMO_NODES.split(",");
}
