import { openClient } from "@lock/demo-kit/clients";
import { startRedis } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { openKeys } from "../src/connections.ts";
import type { Run } from "../src/messages.ts";
import { lineToWrite, OvertakenError, Store } from "../src/store.ts";

const RUN: Run = { report: "sales", queue: "web", job: "web/a", worker: "worker-1", run: "r1", fence: 10 };
const NEXT: Run = { ...RUN, run: "r2", fence: 11 };

async function openStore() {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const store = new Store(client, "test");
  const dispose = async () => {
    client.disconnect();
    await redis.stop();
  };
  return { url: redis.url, client, store, [Symbol.asyncDispose]: dispose };
}

describe("the store", () => {
  it("refuses a write as soon as a run with a larger fencing token has begun", async () => {
    await using opened = await openStore();
    const { store } = opened;
    await store.write(RUN, "begin");
    await store.write(RUN, "1");
    await store.write(NEXT, "begin");
    await expect(store.write(RUN, "2")).rejects.toThrow(OvertakenError);
    await store.write(NEXT, "1");
    const log = (await store.readLog()).map(lineToWrite);
    expect(log.map((write) => [write?.run, write?.step, write?.outcome])).toEqual([
      ["r1", "begin", "accepted"],
      ["r1", "1", "accepted"],
      ["r2", "begin", "accepted"],
      ["r1", "2", "refused"],
      ["r2", "1", "accepted"],
    ]);
  });

  it("tells a run whose job has finished the report already, and no other job", async () => {
    await using opened = await openStore();
    const { store } = opened;
    for (const step of ["begin", "finished"] as const) await store.write(RUN, step);
    expect(await store.write(NEXT, "begin")).toBe("finished");
    expect(await store.write({ ...NEXT, job: "web/b" }, "begin")).toBe("accepted");
  });

  it("keeps reports apart, and tells them all without fencing tokens", async () => {
    await using opened = await openStore();
    const { store } = opened;
    await store.write(NEXT, "begin");
    expect(await store.write({ ...RUN, report: "stock" }, "begin")).toBe("accepted");
    expect(await store.write({ ...RUN, fence: undefined }, "begin")).toBe("accepted");
  });
});

describe("the keys of a demo, in a Redis that others use", () => {
  it.each([
    [false, ["other"]],
    [true, ["other", "test:store:log", "test:store:report:sales"]],
  ])("are removed at the end, with --keep %s", async (keep, left) => {
    await using opened = await openStore();
    const { client, store, url } = opened;
    {
      await using _keys = openKeys({ url, startedHere: false }, "test", keep);
      await store.write(RUN, "begin");
      for (const key of ["test:bull:web:1", "test:{sales}:fence", "other"]) await client.set(key, "");
    }
    expect((await client.keys("*")).sort()).toEqual(left);
  });
});
