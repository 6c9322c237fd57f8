import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compareOne } from "../src/differential/compare.ts";
import { compareNumbers } from "../src/differential/numbers.ts";
import { realServer } from "../src/differential/real.ts";
import type { Vm } from "../src/lua/vm.ts";
import { openWasmoon } from "../src/lua/wasmoon.ts";

/** More with `pnpm prove differential`. */
const SEQUENCES = 400;

const redis = useRedis();
let client: Redis;
let vm: Vm;
beforeAll(async () => {
  client = new Redis(redis.url, { protocol: 2 });
  vm = await openWasmoon();
});
afterAll(() => client.disconnect());

it(`the model answers ${SEQUENCES} random sequences of commands as a real server does, and has the same keys after them`, async () => {
  const real = realServer(client);
  for (let seed = 1; seed <= SEQUENCES; seed++) expect(await compareOne(seed, vm, real)).toEqual([]);
});

it("Lua writes numbers as in a real server, in all the ways that scripts write them", async () => {
  expect(await compareNumbers(vm, realServer(client))).toEqual([]);
});

it("a difference is found: one of a server that answers something else", async () => {
  const real = realServer(client);
  const wrong: typeof real = async (commands) => {
    const replies = await real(commands);
    return replies.map((reply) => (reply === 2 ? 3 : reply));
  };
  const found = [];
  for (let seed = 1; seed <= 20; seed++) found.push(...(await compareOne(seed, vm, wrong)));
  expect(found.length).toBeGreaterThan(0);
});
