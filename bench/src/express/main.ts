import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { median } from "../stats.ts";

/** `plain` does the same with one GET before the work and one after. */
const ROUTES = ["plain", "core", "wrapper", "middleware"] as const;
type Route = (typeof ROUTES)[number];
const CLIENTS = [1, 20, 50];
const ROUNDS = 15;
const ROUND_MS = 500;
const LEAST_RATIO = 0.85;
const MOST_COMMANDS = 2;
const BODY = JSON.stringify({ id: 42, items: ["book", "pen"] });

/** Sends one request; resolves when its answer has come. */
async function ask(port: number, route: Route, agent: Agent): Promise<void> {
  const headers = { "content-type": "application/json", "content-length": BODY.length };
  const sent = request({ host: "127.0.0.1", port, path: `/${route}`, method: "POST", agent, headers });
  sent.end(BODY);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${route} answered ${response.statusCode}`);
  await once(response.resume(), "end");
}

/** Requests per second that so many clients get, each sending the next one when the answer has come. */
async function load(port: number, route: Route, clients: number, ms: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const start = performance.now();
  let done = 0;
  const client = async () => {
    while (performance.now() - start < ms) {
      await ask(port, route, agent);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return (done / (performance.now() - start)) * 1_000;
}

/** Commands that the server is sent for a request of a single client. */
async function commandsOf(port: number, route: Route, admin: Redis): Promise<number> {
  const requests = 300;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await admin.config("RESETSTAT");
  for (let round = 0; round < requests; round++) await ask(port, route, agent);
  agent.destroy();
  // Uncontended, nothing is sent but scripts; what they call is counted by other names.
  const calls = [...(await admin.info("commandstats")).matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0) / requests;
}

async function startShop(url: string): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(fileURLToPath(new URL("./shop.ts", import.meta.url)), [url]);
  const [{ port }] = (await once(child, "message")) as [AddressInfo];
  return { child, port };
}

await using redis = await startRedis();
const admin = new Redis(redis.url);
const { child, port } = await startShop(redis.url);
const rows: Record<string, string | number>[] = [];
let least = Number.POSITIVE_INFINITY;
try {
  for (const clients of CLIENTS) {
    for (const route of ROUTES) await load(port, route, clients, ROUND_MS);
    const rates = new Map<Route, number[]>(ROUTES.map((route) => [route, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const route of ROUTES) rates.get(route)?.push(await load(port, route, clients, ROUND_MS));
    }
    const plain = rates.get("plain") ?? [];
    for (const [route, measured] of rates) {
      const ratio = median(measured.map((rate, round) => rate / (plain[round] ?? Number.NaN)));
      if (route === "wrapper" || route === "middleware") least = Math.min(least, ratio);
      rows.push({ clients, route, "requests/s": Math.round(median(measured)), "to plain": ratio.toFixed(2) });
    }
  }
  console.table(rows);
  console.log(
    `Medians of ${ROUNDS} rounds. plain: one GET before the work, one after. core: locks.using in the handler.`,
  );
  const commands = await commandsOf(port, "wrapper", admin);
  const met = (is: boolean) => (is ? "met" : "NOT met");
  console.log(
    `\ncommands for a request: ${commands.toFixed(2)}, at most ${MOST_COMMANDS}: ${met(commands <= MOST_COMMANDS)}`,
  );
  console.log(
    `least ratio to plain: ${least.toFixed(2)}, at least ${LEAST_RATIO}: ${met(least >= LEAST_RATIO)}`,
  );
} finally {
  child.kill();
  admin.disconnect();
}
