import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockMemory, type OnConcurrentTurn } from "../src/index.ts";
import { useScene } from "./support/scene.ts";
import { SlowMemory } from "./support/slow-memory.ts";

const scene = useScene();
let client: Redis;
let sent: string[] = [];
let monitor: Redis | undefined;

beforeAll(async () => {
  client = new Redis(scene.url);
  const [, address] = /addr=(\S+)/.exec(await client.client("INFO")) ?? [];
  const watching = await scene.redis.monitor();
  watching.on("monitor", (_time, args: string[], source: string) => {
    if (source === address) sent.push(`${args[0]}`.toLowerCase());
  });
  monitor = watching;
});
afterAll(() => {
  monitor?.disconnect();
  client.disconnect();
});

/** What came before is told when this is. */
async function told(): Promise<string[]> {
  await client.ping();
  await expect.poll(() => sent).toContain("ping");
  const commands = sent.filter((command) => command !== "ping");
  sent = [];
  return commands;
}

/** How many commands the locks sent for it. */
async function commandsOf(work: () => Promise<unknown>): Promise<number> {
  await told();
  await work();
  return (await told()).length;
}

describe.each<OnConcurrentTurn>(["enqueue", "reject", "interrupt"])(
  "with %s, Redis hears",
  (onConcurrentTurn) => {
    const open = () => {
      const locks = createLocks({ backend: ioredisBackend(client) });
      return lockMemory(new SlowMemory(), { locks, sessionId: scene.session(), onConcurrentTurn });
    };
    const said = [{ input: "a" }, { output: "b" }] as const;

    it("2 commands for a bare read, and for a bare write", async () => {
      const memory = open();
      await memory.withTurn(() => undefined);
      expect(await commandsOf(() => memory.loadMemoryVariables())).toBe(2);
      expect(await commandsOf(() => memory.saveContext(...said))).toBe(2);
    });

    it("2 for a whole turn, however much it reads and writes", async () => {
      const memory = open();
      const turn = () =>
        memory.withTurn(async () => {
          await memory.loadMemoryVariables();
          await memory.withTurn(() => memory.saveContext(...said));
          await memory.saveContext(...said);
        });
      await turn();
      expect(await commandsOf(turn)).toBe(2);
    });
  },
);
