import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { AcquireRequest, Granted, LockBackend } from "../../src/contract/backend.ts";
import type { LockName } from "../../src/contract/mode.ts";
import { newOwnerToken } from "../../src/contract/owner-token.ts";
import { ioredis6, type TestClient } from "./clients.ts";

/** Two processes and an observer on one server. */
export interface TwoBackends {
  readonly url: string;
  readonly admin: TestClient;
  readonly clients: readonly TestClient[];
  readonly one: LockBackend;
  readonly two: LockBackend;
}

/** Opens them for each test of a file. */
export function useTwoBackends(): TwoBackends {
  const redis = useRedis();
  let opened: TwoBackends | undefined;
  let admin: TestClient | undefined;
  beforeAll(async () => {
    admin = await ioredis6.connect(redis.url);
  });
  afterAll(() => admin?.close());
  beforeEach(async () => {
    const clients = [await ioredis6.connect(redis.url), await ioredis6.connect(redis.url)];
    const [one, two] = clients.map((client) => client.backend());
    if (one === undefined || two === undefined || admin === undefined)
      throw new Error("two clients were asked for");
    opened = { url: redis.url, admin, clients, one, two };
  });
  afterEach(async () => {
    await Promise.all([opened?.one.close(), opened?.two.close()]);
    for (const client of opened?.clients ?? []) client.close();
  });
  const now = (): TwoBackends => {
    if (opened === undefined) throw new Error("they are open only within tests");
    return opened;
  };
  return {
    get url() {
      return now().url;
    },
    get admin() {
      return now().admin;
    },
    get clients() {
      return now().clients;
    },
    get one() {
      return now().one;
    },
    get two() {
      return now().two;
    },
  };
}

let made = 0;

/** A request for a single key, that can also be inspected. */
export type Request = AcquireRequest & LockName;

/** A request for a key that no other test uses. */
export const ask = ({ key = `script ${made++}`, ...options }: Partial<Request> = {}): Request => ({
  prefix: "lock",
  key,
  keys: [key],
  mode: { kind: "exclusive" },
  token: newOwnerToken(),
  ttl: 10_000,
  holder: "here",
  meta: undefined,
  queue: false,
  ...options,
});

/** Another request for the same key. */
export const rival = (request: Request, options: Partial<AcquireRequest> = {}): Request => ({
  ...request,
  token: newOwnerToken(),
  ...options,
});

/** @throws Error when the key is busy */
export async function granted(backend: LockBackend, request: AcquireRequest): Promise<Granted> {
  const outcome = await backend.tryAcquire(request);
  if (outcome.status !== "granted") throw new Error("busy");
  return outcome;
}

/** What a queued request is granted when its turn comes: it asks again whenever it is told to, or it is time to. */
export async function served(backend: LockBackend, waiter: AcquireRequest): Promise<Granted> {
  for (let turn = 0; turn < 100; turn++) {
    await backend.waitForTurn(waiter);
    const outcome = await backend.tryAcquire(waiter);
    if (outcome.status === "granted") return outcome;
  }
  throw new Error("still busy");
}

/** A key that no other test uses; those of one test sort as they are made. */
export const newKey = (): string => `line ${String(made++).padStart(5, "0")}`;

/** A holder that will not release: its process has died. */
export async function dead(
  backend: LockBackend,
  options: Partial<AcquireRequest> & { key: string },
): Promise<void> {
  await granted(backend, ask({ ttl: 600, ...options }));
}
