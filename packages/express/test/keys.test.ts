import { newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { getLease, type LockRouteOptions, lockKey, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.each(newestOrOlder(expresses))("$name", ({ express, major }) => {
  function appWith(options: Omit<LockRouteOptions, "locks">) {
    const app = express();
    app.all(
      major === 4 ? "/*" : "/{*path}",
      lockRoute({ locks: scene.locks, ...options }, async (_req, res) => {
        res.json({ keys: getLease(res)?.keys ?? null });
      }),
    );
    return listen(app);
  }

  it("locks several keys, sorted and without repetition, all or none", async () => {
    const [a, b] = [scene.key(), scene.key()].toSorted();
    const { url } = await appWith({ key: [b ?? "", a ?? "", b ?? ""] });
    expect(JSON.parse((await ask(url)).body)).toEqual({ keys: [a, b] });
    const held = await scene.rivals.acquire(b ?? "");
    expect((await ask(url)).status).toBe(409);
    expect(await scene.rivals.inspect(a ?? "")).toBeNull();
    await held.release();
  });

  it.each([null, false] as const)("does not lock where the key is %s", async (key) => {
    const { url } = await appWith({ key: async () => key });
    expect((await ask(url)).body).toBe('{"keys":null}');
  });

  it("skips what is to be skipped, and OPTIONS unless something else is said", async () => {
    const key = scene.key();
    const held = await scene.rivals.acquire(key);
    const { url } = await appWith({ key });
    expect((await ask(url, { method: "OPTIONS" })).body).toBe('{"keys":null}');
    expect((await ask(url)).status).toBe(409);
    const chosen = await appWith({ key, skip: async (req) => req.query.skip === "1" });
    expect((await ask(`${chosen.url}/?skip=1`)).body).toBe('{"keys":null}');
    expect((await ask(chosen.url, { method: "OPTIONS" })).status).toBe(409);
    await held.release();
  });

  it("auto: GET and HEAD share, all others exclude", async () => {
    const key = scene.key();
    const { url } = await appWith({ key, mode: "auto" });
    const reader = await scene.rivals.readWrite(key).read.acquire();
    const status = async (method: string) => (await ask(url, { method })).status;
    expect(await Promise.all(["GET", "HEAD", "POST", "PUT", "DELETE"].map(status))).toEqual([
      200, 200, 409, 409, 409,
    ]);
    await reader.release();
    const writer = await scene.rivals.acquire(key);
    expect([await status("GET"), await status("HEAD"), await status("POST")]).toEqual([409, 409, 409]);
    await writer.release();
  });

  it("takes the mode from a function", async () => {
    const key = scene.key();
    const { url } = await appWith({ key, mode: (req) => (req.path === "/read" ? "shared" : "exclusive") });
    const reader = await scene.rivals.readWrite(key).read.acquire();
    expect((await ask(`${url}/read`)).status).toBe(200);
    expect((await ask(`${url}/write`)).status).toBe(409);
    await reader.release();
  });

  it("takes lists of a wildcard apart, and what looks like a separator", async () => {
    const { url } = await appWith({
      key: (req) => lockKey`file:${(req.params as Record<string, string | string[]>).path ?? req.params[0]}`,
    });
    const keyOf = async (path: string) => JSON.parse((await ask(url + path)).body).keys[0];
    expect(await keyOf("/a/b")).toBe(major === 4 ? "file:a%2fb" : "file:a,b");
    expect(await keyOf("/a%2Fb")).toBe("file:a%2fb");
    expect(await keyOf("/a:b%25")).toBe("file:a%3ab%25");
  });
});
