import { machineTime, nodeUrlsOfParent, type Parent, runWorker } from "@lock/demo-kit";
import { openQuorumLocksBy } from "@lock/demo-kit/library-clients";
import { keep, LEAD, type World } from "./keeper.ts";
import { type FromKeeper, type Happening, nameOf, type Task, type ToKeeper } from "./messages.ts";

type Main = Parent<ToKeeper, FromKeeper>;

/** A node that comes back without its data abstains for so long; the longest ttl, and the longest minHold. */
const MAX_TTL_MS = 15_000;

// One keeper process; crew.ts starts two.
await runWorker<ToKeeper, FromKeeper>(async (main) => {
  // crew.ts wrote it, with the same type.
  const task = main.argument as Task;
  const who = { prefix: "demo", holder: nameOf(task.keeper) };
  const terms = { ttl: MAX_TTL_MS, maxTtl: MAX_TTL_MS, durable: true };
  await using opened = await openQuorumLocksBy(task.library, nodeUrlsOfParent(), { ...who, ...terms });
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
