import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
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
  says(what: keyof Told, value?: unknown): Promise<void>;
}

function start(name: string, library: "ioredis" | "node-redis", fateful = ""): Agent {
  const file = fileURLToPath(new URL("agent.mjs", import.meta.url));
  const args = [server.url, library, name, JSON.stringify(SESSIONS), String(TURNS), fateful];
  const child = fork(file, args, { execArgv: [] });
  const told: Told[] = [];
  const listening = new Set<() => void>();
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`an agent ended with ${code ?? signal}`);
  });
  ended.catch(() => undefined);
  child.on("message", (message) => {
    told.push(message as Told);
    for (const listen of listening) listen();
  });
  const says = (what: keyof Told, value?: unknown) => {
    const heard = new Promise<void>((resolve) => {
      const listen = () => {
        if (!told.some((one) => what in one && (value === undefined || one[what] === value))) return;
        listening.delete(listen);
        resolve();
      };
      listening.add(listen);
      listen();
    });
    return Promise.race([heard, ended]);
  };
  return { child, told, says };
}

const messagesOf = async (sessionId: string) => {
  const messages = await redisMemory(redis, { sessionId }).getMessages();
  return messages.map(({ role, content }) => ({ role, ...JSON.parse(content) }));
};

it("3 agents take 100 turns each in 5 sessions; one is paused past its leases, one is killed", async () => {
  await redis.flushall();
  const [middle, otherMiddle] = ["b/s1/7", "c/s3/5"];
  const steady = start("a", "ioredis");
  const paused = start("b", "node-redis", middle);
  const killed = start("c", "ioredis", otherMiddle);
  await Promise.all([
    paused.says("half", middle).then(() => paused.child.kill("SIGSTOP")),
    killed.says("half", otherMiddle).then(() => killed.child.kill("SIGKILL")),
  ]);
  // What an agent that is killed had left to do, another one does.
  const replaced = start("d", "ioredis");
  await steady.says("over");
  await replaced.says("over");
  paused.child.kill("SIGCONT");
  paused.child.send("go on");
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
