import assert from "node:assert/strict";
import { adminOf } from "../contract/admin.ts";
import type { AcquireRequest, Granted, LockBackend } from "../contract/backend.ts";
import { newOwnerToken } from "../contract/host.ts";
import type { LockName } from "../contract/mode.ts";
import { eventually, type Test, type TestApi, testsOn } from "./test-api.ts";

/** Two backends on the same store, as two processes would have them, and how to close them. */
export interface OpenBackends {
  readonly one: LockBackend;
  readonly two: LockBackend;
  close(): Promise<void>;
}

/** What an author of a backend gives. */
export interface BackendSuiteOptions {
  readonly api: TestApi;
  readonly name: string;
  open(): Promise<OpenBackends>;
}

let made = 0;

/** A request for a single key, that can also be inspected. */
type Request = AcquireRequest & LockName;

/** A request for a key that no other test uses. */
function ask({ key = `key ${made++}`, ...options }: Partial<Request> = {}): Request {
  return {
    prefix: "suite",
    key,
    keys: [key],
    mode: { kind: "exclusive" },
    token: newOwnerToken(),
    ttl: 10_000,
    holder: "the suite",
    meta: undefined,
    queue: false,
    ...options,
  };
}

/** Another request for the same key. */
const rival = (request: Request, options: Partial<AcquireRequest> = {}): Request => ({
  ...request,
  token: newOwnerToken(),
  ...options,
});

async function granted(backend: LockBackend, request: AcquireRequest): Promise<Granted> {
  const outcome = await backend.tryAcquire(request);
  assert.equal(outcome.status, "granted");
  return outcome as Granted;
}

async function busy(backend: LockBackend, request: AcquireRequest): Promise<void> {
  assert.equal((await backend.tryAcquire(request)).status, "busy");
}

/** Asks until the request stands in the queue: the first contention may have to open a connection before. */
async function queue(backend: LockBackend, request: Request): Promise<void> {
  for (;;) {
    await busy(backend, request);
    const waiters = (await adminOf(backend).inspect(request))?.waiters ?? [];
    if (waiters.some(({ token }) => request.token.startsWith(token))) return;
    await backend.waitForTurn(request);
  }
}

/** What the acquire loop does after a busy answer, until the lock is there. */
async function waitFor(backend: LockBackend, request: AcquireRequest): Promise<Granted> {
  for (;;) {
    const news = await backend.waitForTurn(request);
    if (news !== null) return news;
    const outcome = await backend.tryAcquire(request);
    if (outcome.status === "granted") return outcome;
  }
}

/** The contract of `LockBackend`, as tests: run it from a test file of your backend. */
export function backendSuite({ api, name, open }: BackendSuiteOptions): void {
  const test = testsOn(api, open);

  api.describe(`backend: ${name}`, () => {
    grants(test);
    ownership(test);
    queueing(test);
    administration(test);
    messages(test);
  });
}

function messages(test: Test<OpenBackends>): void {
  test("tells messages to all who hear them, and only those of their prefix", async ({ one, two }) => {
    const heard: string[] = [];
    const stops = await Promise.all([
      one.messages?.hear("told", (message) => heard.push(`one: ${message}`)),
      two.messages?.hear("told", (message) => heard.push(`two: ${message}`)),
      two.messages?.hear("another", (message) => heard.push(`another: ${message}`)),
    ]);
    await one.messages?.tell("told", "any text: ünïcödé\n ");
    await two.messages?.tell("another", "last");
    await eventually("all are told", () => heard.length === 3 || undefined);
    const text = "any text: ünïcödé\n ";
    assert.deepEqual(heard.sort(), ["another: last", `one: ${text}`, `two: ${text}`]);
    for (const stop of stops) stop?.();
  });

  test("tells nothing to those who hear no more", async ({ one, two }) => {
    const heard: string[] = [];
    const stop = await one.messages?.hear("untold", (message) => heard.push(`gone: ${message}`));
    await one.messages?.hear("untold", (message) => heard.push(message));
    stop?.();
    await two.messages?.tell("untold", "once");
    await eventually("the other is told", () => heard.length > 0 || undefined);
    assert.deepEqual(heard, ["once"]);
  });
}

function grants(test: Test<OpenBackends>): void {
  test("grants a free key, for the ttl, from a moment that has passed", async ({ one }) => {
    const before = one.clock.now();
    const grant = await granted(one, ask({ ttl: 5_000 }));
    assert.equal(grant.ttl, 5_000);
    assert.ok(grant.since.mono >= before.mono && grant.since.mono <= one.clock.now().mono);
    assert.ok(Number.isSafeInteger(grant.fencingToken) && grant.fencingToken > 0);
  });

  test("refuses a key that is held, and says by whom", async ({ one, two }) => {
    const first = ask({ holder: "first" });
    await granted(one, first);
    const outcome = await two.tryAcquire(rival(first));
    assert.ok(outcome.status === "busy");
    assert.equal(outcome.holder?.holder, "first");
    assert.ok((outcome.holder?.remaining ?? 0) > 0);
  });

  test("gives the same grant again to the same token, and no more time", async ({ one }) => {
    const request = ask({ ttl: 5_000 });
    const first = await granted(one, request);
    // The store granted it before, and counts its ttl from then.
    const answered = one.clock.now().mono;
    const again = await granted(one, request);
    assert.equal(again.fencingToken, first.fencingToken);
    assert.ok(again.since.mono + again.ttl <= answered + first.ttl + 1);
  });

  test("mints a larger fencing token with every grant", async ({ one, two }) => {
    const first = ask();
    let last = 0;
    for (const backend of [one, two, one, two]) {
      const request = rival(first);
      const { fencingToken } = await granted(backend, request);
      assert.ok(fencingToken > last);
      last = fencingToken;
      await backend.release(request);
    }
  });

  test("keeps keys apart that look alike", async ({ one }) => {
    const { key } = ask();
    const keys = [
      key,
      `${key}:fence`,
      `${key}:queue`,
      `{${key}}`,
      `${key}}`,
      `%7B${key}`,
      `${key}%`,
      `${key}*`,
      `${key}\n`,
    ];
    for (const each of keys) await granted(one, ask({ key: each }));
    await granted(one, ask({ key, prefix: "other" }));
    for (const each of keys) await busy(one, ask({ key: each }));
  });

  test("ends a grant with its ttl", async ({ one, two }) => {
    const first = ask({ ttl: 60 });
    await granted(one, first);
    const second = rival(first, { queue: true, ttl: 10_000 });
    const outcome = await two.tryAcquire(second);
    const next = outcome.status === "granted" ? outcome : await waitFor(two, second);
    assert.ok(next.fencingToken > 0);
    assert.deepEqual(await one.extend(first, 60), { status: "lost", reason: "stolen" });
  });
}

function ownership(test: Test<OpenBackends>): void {
  test("releases for the owner only", async ({ one, two }) => {
    const request = ask();
    await granted(one, request);
    assert.equal(await two.release(rival(request)), "notHeld");
    await busy(two, rival(request));
    assert.equal(await one.release(request), "released");
    assert.equal(await one.release(request), "notHeld");
    await granted(two, rival(request));
  });

  test("extends for the owner only, and never shortens", async ({ one, two }) => {
    const request = ask({ ttl: 5_000 });
    await granted(one, request);
    assert.deepEqual(await two.extend(rival(request), 9_000), { status: "lost", reason: "stolen" });
    const longer = await one.extend(request, 60_000);
    assert.ok(longer.status === "renewed" && longer.ttl === 60_000);
    const shorter = await one.extend(request, 1_000);
    assert.ok(shorter.status === "renewed" && shorter.ttl > 50_000);
  });

  test("revives nothing", async ({ one }) => {
    const request = ask();
    assert.deepEqual(await one.extend(request, 5_000), { status: "lost", reason: "expired" });
    await granted(one, rival(request));
  });
}

function queueing(test: Test<OpenBackends>): void {
  test("serves waiters of two processes in the order in which they came", async ({ one, two }) => {
    const holder = ask();
    await granted(one, holder);
    const backends = [two, one, one, two, one, two];
    const waiters = backends.map(() => rival(holder, { queue: true }));
    const served: number[] = [];
    const waits: Promise<void>[] = [];
    for (const [index, request] of waiters.entries()) {
      const backend = backends[index] ?? one;
      await queue(backend, request);
      waits.push(
        waitFor(backend, request).then(async () => {
          served.push(index);
          await backend.release(request);
        }),
      );
    }
    await one.release(holder);
    await Promise.all(waits);
    assert.deepEqual(served, [0, 1, 2, 3, 4, 5]);
  });

  test("lets nobody overtake those who wait", async ({ one, two }) => {
    const holder = ask();
    await granted(one, holder);
    const waiter = rival(holder, { queue: true });
    await queue(two, waiter);
    await one.release(holder);
    await busy(one, rival(holder));
    const grant = await waitFor(two, waiter);
    assert.equal((await two.tryAcquire(waiter)).status, "granted");
    assert.equal((await granted(two, waiter)).fencingToken, grant.fencingToken);
  });

  test("forgets who gives up", async ({ one, two }) => {
    const holder = ask();
    await granted(one, holder);
    const [leaver, stayer] = [rival(holder, { queue: true }), rival(holder, { queue: true })];
    await queue(two, leaver);
    await queue(two, stayer);
    await two.cancel(leaver, false);
    assert.equal((await adminOf(one).inspect(holder))?.waiting, 1);
    await one.release(holder);
    await waitFor(two, stayer);
  });

  test("settles a hint that is awaited when its request is given up", async ({ one, two }) => {
    const holder = ask();
    await granted(one, holder);
    const [opening, queued] = [rival(holder, { queue: true }), rival(holder, { queue: true })];
    await busy(two, opening);
    const first = two.waitForTurn(opening);
    await two.cancel(opening, false);
    assert.equal(await first, null);
    await queue(two, queued);
    const second = two.waitForTurn(queued);
    await two.cancel(queued, false);
    assert.equal(await second, null);
    await one.release(holder);
  });

  test("gives back what was granted to one who gives up", async ({ one, two }) => {
    const holder = ask();
    await granted(one, holder);
    const waiter = rival(holder, { queue: true });
    await queue(two, waiter);
    await one.release(holder);
    await two.cancel(waiter, false);
    await granted(one, rival(holder));
  });
}

function administration(test: Test<OpenBackends>): void {
  test("takes a key by force and hands it on", async ({ one, two }) => {
    const holder = ask();
    assert.equal(await adminOf(one).forceRelease(holder, undefined), false);
    const { fencingToken } = await granted(one, holder);
    const waiter = rival(holder, { queue: true });
    await queue(two, waiter);
    assert.equal(await adminOf(two).forceRelease(holder, "not-the-token"), false);
    assert.equal(await adminOf(two).forceRelease(holder, holder.token.slice(0, 8)), true);
    assert.ok((await waitFor(two, waiter)).fencingToken > fencingToken);
    assert.deepEqual(await one.extend(holder, 1_000), { status: "lost", reason: "stolen" });
  });

  test("shows who holds and who waits", async ({ one, two }) => {
    const holder = ask({ holder: "the holder", meta: { job: "7" } });
    assert.equal(await adminOf(one).inspect(holder), null);
    const { fencingToken } = await granted(one, holder);
    await queue(two, rival(holder, { queue: true, holder: "the waiter", meta: { job: "8" } }));
    const state = await eventually("a state", async () => (await adminOf(one).inspect(holder)) ?? undefined);
    assert.equal(state.key, holder.key);
    assert.equal(state.waiting, 1);
    assert.deepEqual(
      state.waiters.map(({ holder: who, meta }) => ({ who, meta })),
      [{ who: "the waiter", meta: { job: "8" } }],
    );
    const [seen] = state.holders;
    assert.equal(seen?.holder, "the holder");
    assert.equal(seen?.fencingToken, fencingToken);
    assert.deepEqual(seen?.meta, { job: "7" });
    assert.ok((seen?.remaining ?? 0) > 0 && (seen?.remaining ?? 0) <= holder.ttl);
    assert.ok(
      !holder.token.slice(1).includes(seen?.token ?? "") && holder.token.startsWith(seen?.token ?? "?"),
    );
  });

  test("lists the keys of a prefix that are held", async ({ one, two }) => {
    const requests = [ask({ prefix: "listed" }), ask({ prefix: "listed", key: "odd {%} key" })];
    for (const request of requests) await granted(one, request);
    await granted(one, ask({ prefix: "listed2" }));
    const keys = new Set<string>();
    for await (const state of adminOf(two).list("listed")) keys.add(state.key);
    assert.deepEqual(keys, new Set(requests.map(({ key }) => key)));
    for (const request of requests) await one.release(request);
  });

  test("tells the servers behind it, and each that is a Redis answers", async ({ one }) => {
    const nodes = adminOf(one).nodes();
    assert.ok(nodes.length > 0);
    for (const { name, command } of nodes) {
      assert.match(name, /^[^@\s]+$/);
      if (command !== undefined) assert.equal(String(await command(["PING"])), "PONG");
    }
  });
}
