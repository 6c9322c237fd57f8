import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fewOrMany, useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, ask } from "../support/client.ts";
import { type ShopProcess, startShop } from "../support/shop.ts";

const redis = useRedis();
let shops: readonly [ShopProcess, ShopProcess];
let admin: Redis;

beforeAll(async () => {
  admin = new Redis(redis.url);
  shops = await Promise.all([startShop(redis.url, "4", "wrapper"), startShop(redis.url, "5", "middleware")]);
});
afterAll(async () => {
  await Promise.all(shops.map((shop) => shop.stop()));
  admin.disconnect();
});

function shopOf(number: number): ShopProcess {
  return shops[number % 2 === 0 ? 0 : 1];
}

async function overlaps(): Promise<number> {
  const states = await Promise.all(shops.map((shop) => shop.state()));
  return states.reduce((sum, state) => sum + state.overlaps, 0);
}

/** The keys of locks that somebody holds or awaits. */
async function held(): Promise<string[]> {
  return (await admin.keys("lock:*")).filter((key) => !/:(fence|liveness)$/.test(key));
}

const ROUNDS = fewOrMany(6, 100);

it(`100 clients x ${ROUNDS} requests on one key in 2 processes: one at a time, and refusals that are well-formed`, async () => {
  const client = async (number: number) => {
    const answers: Answer[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const route = (number + round) % 8 < 2 ? "patient" : "fast";
      answers.push(await ask(`${shopOf(number + round).url}/${route}/one?ms=1`));
    }
    return answers;
  };
  const answers = (await Promise.all(Array.from({ length: 100 }, (_, number) => client(number)))).flat();
  expect(answers).toHaveLength(100 * ROUNDS);
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(served.length).toBeGreaterThan(50);
  for (const { status, headers, body } of refused) {
    if (status !== 409) console.log(body.replace(/<[^>]*>/g, " "));
    expect(`${status} ${body}`).toMatch(/^409/);
    expect(headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(JSON.parse(body)).toMatchObject({ status: 409, title: "Conflict", code: "LOCK_BUSY" });
  }
  const fences = served.map(({ body }) => JSON.parse(body).fence);
  expect(new Set(fences).size).toBe(served.length);
  expect(await overlaps()).toBe(0);
  expect(await held()).toEqual([]);
}, 900_000);

const IN_A_ROW = fewOrMany(100, 5_000);

it(`${4 * IN_A_ROW} requests, each sent the moment the answer of the last one arrived: never a false 409`, async () => {
  const client = async (number: number) => {
    const statuses = new Map<number, number>();
    for (let round = 0; round < IN_A_ROW; round++) {
      const { status } = await ask(`${shopOf(round).url}/fast/retry-${number}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    return statuses;
  };
  const statuses = await Promise.all([0, 1, 2, 3].map(client));
  expect(statuses.map((map) => [...map])).toEqual(Array(4).fill([[200, IN_A_ROW]]));
  expect(await overlaps()).toBe(0);
}, 900_000);

/** Sends a request and hangs up some time later, whatever has come until then. */
async function hangUp(port: number, path: string, ms: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => undefined);
  socket.on("data", () => undefined);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
  await pause(ms);
  socket.destroy();
  await closed;
}

/** What a shop says when it has served one request, and no other connection is open any more. */
async function settled(shop: ShopProcess) {
  await expect.poll(async () => (await shop.state()).connections, { timeout: 15_000 }).toBe(0);
  const agent = new Agent({ keepAlive: true });
  for (let round = 0; round < 3; round++) {
    const sent = request(`${shop.url}/fast/settled`, { method: "POST", agent }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    await response.toArray();
  }
  const state = await shop.state();
  agent.destroy();
  return state;
}

const HANG_UPS = fewOrMany(30, 500);

it(`${40 * HANG_UPS} clients that hang up at random moments: one at a time, and nothing is left`, async () => {
  const before = await Promise.all(shops.map(settled));
  const client = async (number: number) => {
    for (let round = 0; round < HANG_UPS; round++) {
      const key = Math.floor(Math.random() * 8);
      const ms = Math.floor(Math.random() * 12);
      const heeds = Number(Math.random() < 0.5);
      // Who forgets in the middleware form holds until maxHold.
      const forget = Number(Math.random() < 0.01);
      const path = `/fickle/hang-${key}?ms=${ms}&heeds=${heeds}&forget=${forget}`;
      await hangUp(shopOf(number).port, path, Math.random() * 25);
    }
  };
  await Promise.all(Array.from({ length: 40 }, (_, number) => client(number)));
  // maxHold is 3,000.
  await expect.poll(held, { timeout: 20_000 }).toEqual([]);
  expect(await overlaps()).toBe(0);
  const after = await Promise.all(shops.map(settled));
  for (const [index, { ran, connections, sockets, listeners }] of after.entries()) {
    const was = before[index];
    expect(ran - (was?.ran ?? 0)).toBeGreaterThan(HANG_UPS);
    expect({ connections, sockets, listeners }).toEqual({
      connections: was?.connections,
      sockets: was?.sockets,
      listeners: was?.listeners,
    });
  }
}, 900_000);
