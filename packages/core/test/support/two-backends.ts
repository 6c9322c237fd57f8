import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { AcquireRequest, ExtendOutcome, Granted, LockBackend } from "../../src/contract/backend.ts";
import { newOwnerToken } from "../../src/contract/host.ts";
import type { LockName } from "../../src/contract/mode.ts";
import { ioredis6, type TestClient } from "./clients.ts";

/** Two processes. */
export interface TwoProcesses {
  readonly clients: readonly TestClient[];
  readonly one: LockBackend;
  readonly two: LockBackend;
}

/** Two processes and an observer on one server. */
export interface TwoBackends extends TwoProcesses {
  readonly url: string;
  readonly admin: TestClient;
}

/** Two processes for a test that runs beside others. */
export async function openTwoBackends(url: string): Promise<TwoProcesses & AsyncDisposable> {
  const clients = [await ioredis6.connect(url), await ioredis6.connect(url)];
  const [one, two] = clients.map((client) => client.backend());
  if (one === undefined || two === undefined) throw new Error("two clients were asked for");
  const close = async () => {
    await Promise.all([one.close(), two.close()]);
    for (const client of clients) client.close();
  };
  return { clients, one, two, [Symbol.asyncDispose]: close };
}

/** Opens them for each test of a file; one that runs beside others opens two of its own. */
export function useTwoBackends(): TwoBackends {
  const redis = useRedis();
  let opened: TwoProcesses | undefined;
  let admin: TestClient | undefined;
  beforeAll(async () => {
    admin = await ioredis6.connect(redis.url);
  });
  afterAll(() => admin?.close());
  beforeEach(async ({ task }) => {
    if (task.concurrent) return;
    const two = await openTwoBackends(redis.url);
    opened = two;
    return () => two[Symbol.asyncDispose]();
  });
  const now = <T>(open: T | undefined): T => {
    if (open === undefined) throw new Error("they are open only within tests");
    return open;
  };
  return {
    get url() {
      return redis.url;
    },
    get admin() {
      return now(admin);
    },
    get clients() {
      return now(opened).clients;
    },
    get one() {
      return now(opened).one;
    },
    get two() {
      return now(opened).two;
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

/** Takes a lease over, as who was given its ticket. */
export function adopt(
  backend: LockBackend,
  adopter: AcquireRequest,
  { token }: AcquireRequest,
  fencingToken: number,
): Promise<ExtendOutcome> {
  return backend.extend(adopter, adopter.ttl, { from: { token, fencingToken, proof: "" } });
}
