import { colours, paintOf, print, printProse } from "@lock/demo-kit";
import { MAJORITY, NODES, nameOf, type Task, TTL_MS } from "./messages.ts";
import type { Nodes } from "./nodes.ts";
import type { Options } from "./options.ts";

const WHAT_HAPPENS: Record<Options["kill"], string> = {
  0: "No node is killed; try --kill 2 and --kill 3.",
  2: "Two nodes are killed in the middle. Three nodes are a majority, so work goes on.",
  3: "Three nodes are killed in the middle. Two nodes are no majority, so all clients are refused until one node returns.",
};

/** What is about to happen, before it does. */
export function printStory({ clients, turns, kill }: Options, tasks: readonly Task[], nodes: Nodes): void {
  print(`\n${colours.bold(`${clients} clients, one lock, ${NODES} independent nodes`)}\n`);
  printProse(`Each client wants the lock ${turns} times. It holds the lock when ${MAJORITY} of the ${NODES} nodes have granted it.
${WHAT_HAPPENS[kill]}\n`);
  for (const { client, library, delay } of tasks) {
    print(`  ${paintOf(client)(nameOf(client).padEnd(9))}  ${library.padEnd(10)}  starts after ${delay} ms`);
  }
  const [first, ...others] = nodes.servers.map(({ host, port }) => ({ host, port }));
  const ports = [`${first?.host}:${first?.port}`, ...others.map(({ port }) => port)].join(", ");
  print(
    `\nNodes:  ${ports}, started for this demo\n        A node that is killed keeps its data.\nttl:    ${TTL_MS} ms\n`,
  );
}
