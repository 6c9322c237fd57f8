import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { redisMemory } from "../../src/redis.ts";
import { faultsOf, type Told } from "./check.ts";

const server = useRedis();
let redis: Redis;
beforeAll(() => {
  redis = new Redis(server.url);
});
afterAll(() => redis.disconnect());

const SESSIONS = ["s0", "s1", "s2", "s3", "s4"];
const TURNS = 20;

interface Agent {
  readonly child: ChildProcess;
  /** What it said, as it came. */
  readonly told: Told[];
  /** Resolves when it has said that. */
  says(what: keyof Told, times?: number): Promise<void>;
}

function start(name: string, library: "ioredis" | "node-redis"): Agent {
  const file = fileURLToPath(new URL("agent.mjs", import.meta.url));
  const args = [server.url, library, name, JSON.stringify(SESSIONS), String(TURNS)];
  const child = fork(file, args, { execArgv: [] });
  const told: Told[] = [];
  child.on("message", (message) => told.push(message as Told));
  const count = (what: keyof Told) => told.filter((one) => what in one).length;
  const says = async (what: keyof Told, times = 1) => {
    while (count(what) < times) await Promise.race([once(child, "message"), failed(child)]);
  };
  return { child, told, says };
}

async function failed(child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, "exit");
  throw new Error(`an agent ended with ${code ?? signal}`);
}

const messagesOf = async (sessionId: string) => {
  const messages = await redisMemory(redis, { sessionId }).getMessages();
  return messages.map(({ role, content }) => ({ role, ...JSON.parse(content) }));
};

it("3 agents take 100 turns each in 5 sessions; one is paused past its leases, one is killed", async () => {
  await redis.flushall();
  const [steady, paused, killed] = [start("a", "ioredis"), start("b", "node-redis"), start("c", "ioredis")];
  await Promise.all([paused.says("half", 8), killed.says("half", 5)]);
  paused.child.kill("SIGSTOP");
  killed.child.kill("SIGKILL");
  // What an agent that is killed had left to do, another one does.
  const replaced = start("d", "ioredis");
  await steady.says("over");
  await replaced.says("over");
  await pause(1_000);
  paused.child.kill("SIGCONT");
  await paused.says("over");
  const agents = [steady, paused, killed, replaced];
  const told = agents.flatMap((agent) => agent.told);
  const saved = told.flatMap((one) => one.saved ?? []);
  const lost = told.filter((one) => one.lost !== undefined);
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.map(({ outcome }) => outcome)).toEqual(lost.map(() => "STALE_WRITE"));
  const sessions = await Promise.all(SESSIONS.map(messagesOf));
  // Only who was stopped in the middle of a turn leaves half of one behind: one in each session at most.
  const mayBeHalf = (turn: string) => lost.some((one) => one.lost === turn) || turn.startsWith("c/");
  expect(faultsOf(sessions, saved, mayBeHalf)).toEqual([]);
  const turns = sessions.flat().filter(({ role }) => role === "assistant").length;
  console.log(`${turns} whole turns, ${lost.length} lost, ${saved.length} told`);
  expect(turns).toBeGreaterThanOrEqual(300 - lost.length);
  for (const { child } of agents) child.kill();
}, 120_000);
