import { setTimeout as sleep } from "node:timers/promises";
import { machineTime, nodeUrlsOfParent, type Parent, runWorker } from "@lock/demo-kit";
import { openQuorumLocksBy } from "@lock/demo-kit/library-clients";
import { loggingNode } from "./logging-node.ts";
import { type FromClient, type Happening, nameOf, type Task, type ToClient, TTL_MS } from "./messages.ts";
import { toldVotes } from "./told-votes.ts";
import { takeTurn } from "./turn.ts";

/** A node that comes back without its data abstains for maxTtl, so it is no longer than it must be. */
const TERMS = { ttl: TTL_MS, maxTtl: 2 * TTL_MS, durable: true };
/** Up to so long it does something else between two turns. */
const PAUSE_MS = 150;

// One client process; crew.ts starts several.
await runWorker<ToClient, FromClient>(async (main) => {
  // crew.ts wrote it, with the same type.
  const task = main.argument as Task;
  const tell = teller(task.client, main);
  const wrap = loggingNodes(tell);
  const options = { prefix: "demo", holder: nameOf(task.client), ...TERMS };
  await using opened = await openQuorumLocksBy(task.library, nodeUrlsOfParent(), options, wrap);
  let attempt = 0;
  opened.locks.on("voted", ({ votes }) => {
    attempt += 1;
    tell({ what: "attempt", attempt, votes: toldVotes(votes) });
  });
  main.send({ kind: "ready" });
  await main.next();
  await sleep(task.delay, undefined, { signal: main.stop });
  for (let turn = 1; turn <= task.turns; turn++) {
    attempt = 0;
    await takeTurn(opened.locks, turn, tell, main.stop);
    await sleep(Math.random() * PAUSE_MS, undefined, { signal: main.stop });
  }
  main.send({ kind: "done" });
});

function loggingNodes(tell: (happening: Happening) => void) {
  return (backend: Parameters<typeof loggingNode>[0], index: number) => loggingNode(backend, index + 1, tell);
}

function teller(client: number, main: Parent<ToClient, FromClient>) {
  return (happening: Happening) => {
    const moment = { time: new Date().toISOString(), at: machineTime(), client: nameOf(client) };
    main.send({ kind: "told", client, entry: { ...moment, ...happening } });
  };
}
