import { describe, expect, it } from "vitest";
import { startCluster, startSentinel } from "../src/index.ts";
import { ask, isAlive, until } from "./support.ts";

describe("startSentinel", { timeout: 60_000 }, () => {
  it("fails over by itself, without what reached no replica, and heals; nothing is left after stop", async () => {
    const sentinel = await startSentinel();
    const old = await sentinel.master();
    await ask(old, "SET kept v");
    for (const server of sentinel.servers) {
      await until("all have it", async () => (await ask(server, "GET kept")).includes("v"));
    }
    await sentinel.loseMaster(() => ask(old, "SET lost v"));
    expect(old.isRunning).toBe(false);
    await sentinel.heal();
    const master = await sentinel.master();
    expect(master).not.toBe(old);
    expect(await ask(master, "GET kept")).toBe("$1\r\nv\r\n");
    expect(await ask(master, "GET lost")).toBe("$-1\r\n");
    expect(await ask(old, "GET kept")).toBe("$1\r\nv\r\n");

    await sentinel.stop();
    await sentinel.stop();
    for (const { pid } of sentinel.servers) await until("it has ended", async () => !(await isAlive(pid)));
  });
});

describe("startCluster", { timeout: 60_000 }, () => {
  it("moves slots with their keys, fails over and heals; nothing is left after stop", async () => {
    const cluster = await startCluster({ nodeTimeout: 800 });
    const masters = await cluster.masters();
    expect(masters.length).toBe(3);
    const slot = await cluster.slotOf("key");
    const from = await cluster.masterOf(slot);
    const to = masters.find((master) => master !== from);
    if (to === undefined) throw new Error("there is no other master");
    await ask(from, "SET key v");
    await cluster.moveSlot(slot, to);
    expect(await cluster.masterOf(slot)).toBe(to);
    expect(await ask(to, "GET key")).toBe("$1\r\nv\r\n");
    expect(await ask(from, "GET key")).toBe(`-MOVED ${slot} 127.0.0.1:${to.port}\r\n`);

    await cluster.loseMaster(slot, async () => undefined);
    await until("another master", async () => (await cluster.masterOf(slot).catch(() => to)) !== to);
    await cluster.heal();
    expect((await cluster.masters()).length).toBe(3);
    await cluster.stop();
    for (const { pid } of cluster.servers) expect(await isAlive(pid)).toBe(false);
  });
});
