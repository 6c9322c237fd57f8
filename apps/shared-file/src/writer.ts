import type { Locks } from "@lock/core";
import { machineTime, type Parent, redisUrlOfParent, runWorker } from "@lock/demo-kit";
import { openLocksBy } from "@lock/demo-kit/library-clients";
import { type FromWriter, nameOf, type Task, type ToWriter } from "./messages.ts";
import { writeNextLine } from "./shared-file.ts";
import { styles } from "./styles.ts";

type Main = Parent<ToWriter, FromWriter>;
type Use = NonNullable<Task["lock"]>;

// One writer process; race.ts starts several.
await runWorker<ToWriter, FromWriter>(async (main) => {
  // race.ts wrote it, with the same type.
  const task = main.argument as Task;
  if (task.lock === undefined) await writeWithoutLock(task, main);
  else await writeWithLock(task, task.lock, main);
});

async function writeWithLock({ writer, file, turns }: Task, use: Use, main: Main): Promise<void> {
  const who = { prefix: "demo", holder: nameOf(writer) };
  await using opened = await openLocksBy(use.client, redisUrlOfParent(), who);
  tellEvents(opened.locks, writer, main);
  const takeTurn = styles[use.style];
  main.send({ kind: "ready" });
  await main.next();
  for (let turn = 0; turn < turns; turn++) {
    // The key names what it protects, so that everyone who writes this file meets there.
    await takeTurn(opened.locks, `file:${file}`, main.stop, async (lease) => {
      const line = await writeNextLine(file, writer, lease);
      main.send({ kind: "wrote", writer, at: machineTime(), line });
    });
  }
}

async function writeWithoutLock({ writer, file, turns }: Task, main: Main): Promise<void> {
  main.send({ kind: "ready" });
  await main.next();
  for (let turn = 0; turn < turns; turn++) {
    main.stop.throwIfAborted();
    main.send({ kind: "reads", writer, at: machineTime() });
    const line = await writeNextLine(file, writer, undefined);
    main.send({ kind: "wrote", writer, at: machineTime(), line });
  }
}

/** Who waits, holds and releases is told by the library itself. */
function tellEvents(locks: Locks, writer: number, { send }: Main): void {
  locks.on("contended", ({ holder }) => {
    send({ kind: "waits", writer, at: machineTime(), holder: holder?.holder });
  });
  locks.on("acquired", ({ fencingToken, waited }) => {
    send({ kind: "holds", writer, at: machineTime(), fence: fencingToken, waited });
  });
  locks.on("released", ({ outcome, held }) => {
    send({ kind: "released", writer, at: machineTime(), outcome, held });
  });
}
