import { startRedis } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { Child } from "../support/child.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";

const redis = useRedis();

/** Processes of its own, and locks of this one. */
class Scene implements AsyncDisposable {
  readonly #children: Child[] = [];

  private constructor(
    readonly client: TestClient,
    readonly locks: Locks,
    private readonly library: "ioredis" | "node-redis",
  ) {}

  static async open(library: "ioredis" | "node-redis"): Promise<Scene> {
    const client = await ioredis6.connect(redis.url);
    return new Scene(client, createLocks({ backend: client.backend() }), library);
  }

  /** One process more. */
  async start(url = redis.url): Promise<Child> {
    const child = await Child.start(url, this.library);
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => child.ended(true)));
    await this.locks.close();
    this.client.close();
  }
}

describe.concurrent.each(["ioredis", "node-redis"] as const)("processes with %s", (library) => {
  const key = (title: string) => `${library} ${title}`;

  it.each([0.5, 1, 3])(
    "a holder stopped for %d x its ttl never believes beyond its validity",
    async (share) => {
      const ttl = 500;
      await using scene = await Scene.open(library);
      const { locks } = scene;
      const holder = await scene.start();
      const name = key(`stopped ${share}`);
      const { fencingToken } = (await holder.ask("acquire", { key: name, ttl })) as { fencingToken: number };
      holder.signal("SIGSTOP");
      await new Promise((resume) => setTimeout(resume, ttl * share));
      const next = share < 1 ? undefined : await locks.acquire(name);
      holder.signal("SIGCONT");
      const validFor = await holder.ask("validFor", { key: name });
      if (next === undefined) {
        expect(validFor).toBeLessThanOrEqual(ttl);
      } else {
        expect(validFor).toBe(0);
        expect(next.fencingToken).toBeGreaterThan(fencingToken);
        expect(await holder.ask("release", { key: name })).toBe("expired");
        next.assertHeld();
      }
    },
  );

  it("a holder whose event loop was blocked knows it at once, and says so", async () => {
    await using scene = await Scene.open(library);
    const { locks } = scene;
    const holder = await scene.start();
    await holder.ask("acquire", { key: key("blocked"), ttl: 400 });
    const blocked = holder.ask("block", { ms: 800 });
    const next = await locks.acquire(key("blocked"));
    await blocked;
    expect(await holder.ask("validFor", { key: key("blocked") })).toBe(0);
    const lost = await eventually("the loss", () => holder.events.find(({ event }) => event === "lost"));
    expect(["stalled", "stolen", "unreachable"]).toContain(lost.reason);
    next.assertHeld();
  });

  it("a killed holder delays the next by its lease, not more", async () => {
    const ttl = 700;
    await using scene = await Scene.open(library);
    const { locks } = scene;
    const holder = await scene.start();
    await holder.ask("acquire", { key: key("killed"), ttl });
    const start_ = performance.now();
    const waiting = locks.acquire(key("killed"), { wait: 20_000 });
    await holder.ended(true);
    await waiting;
    // ttl x 1.01 + 2 round trips + 250 ms is the goal; a loaded machine gets more.
    expect(performance.now() - start_).toBeLessThan(ttl * 1.01 + 250 + 1_500);
  });

  it("50 of 100 waiters killed: the others are served in order, without waiting for the dead", async () => {
    await using scene = await Scene.open(library);
    const { locks } = scene;
    const [doomed, living] = await Promise.all([scene.start(), scene.start()]);
    const name = key("killed waiters");
    const lease = await locks.acquire(name);
    await doomed.ask("queue", { key: name, count: 50 });
    await eventually("50 waiters", async () =>
      (await locks.inspect(name))?.waiting === 50 ? true : undefined,
    );
    await living.ask("queue", { key: name, count: 50 });
    await eventually("100 waiters", async () =>
      (await locks.inspect(name))?.waiting === 100 ? true : undefined,
    );
    await doomed.ended(true);
    const start_ = performance.now();
    await lease.release();
    const served = () => living.events.filter(({ event }) => event === "served");
    await eventually("50 served", () => (served().length === 50 ? true : undefined), 20_000);
    expect(performance.now() - start_).toBeLessThan(5_000);
    expect(served().map(({ index }) => index)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it("a server that hangs costs the lease in time, and neither a crash nor a process that cannot end", async () => {
    await using server = await startRedis();
    await using scene = await Scene.open(library);
    const holder = await scene.start(server.url);
    const { at } = (await holder.ask("acquire", { key: "hung", ttl: 1_500 })) as { at: number };
    await new Promise((resume) => setTimeout(resume, 200));
    server.pause();
    const lost = await eventually("the loss", () => holder.events.find(({ event }) => event === "lost"));
    // A loaded machine may stall the process as well.
    expect(["unreachable", "stalled"]).toContain(lost.reason);
    // 1,485 ms when nothing else runs; a loaded machine gets more.
    expect(lost.at - at).toBeLessThan(1_510 + 1_000);
    void holder.ask("close");
    expect(await holder.ended()).toEqual({ code: 0 });
    expect(holder.events.filter(({ event }) => event === "unhandled")).toEqual([]);
    server.resume();
  });

  it("close lets the process end by itself, with nothing left and nothing unhandled", async () => {
    await using scene = await Scene.open(library);
    const { locks } = scene;
    const child = await scene.start();
    const lease = await locks.acquire(key("busy"));
    await child.ask("acquire", { key: key("held") });
    await child.ask("queue", { key: key("busy"), count: 3 });
    await eventually("waiters", async () =>
      (await locks.inspect(key("busy")))?.waiting === 3 ? true : undefined,
    );
    const start_ = performance.now();
    void child.ask("close");
    expect(await child.ended()).toEqual({ code: 0 });
    expect(performance.now() - start_).toBeLessThan(500 + 2_000);
    expect(child.events.filter(({ event }) => event === "unhandled")).toEqual([]);
    expect(await locks.inspect(key("held"))).toBeNull();
    expect((await locks.inspect(key("busy")))?.waiting).toBe(0);
    await lease.release();
  });
});
