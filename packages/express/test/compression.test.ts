import { newestOrOlder } from "@lock/redis-harness/vitest";
import compression from "compression";
import { describe, expect, it } from "vitest";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
const long = "long ".repeat(2_000);

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it.each(["before", "behind"])("works with compression that is mounted %s the lock", async (place) => {
    const { locks } = scene;
    const key = scene.key();
    const lock = lockRoute({ locks, key });
    const app = express();
    app.use(...(place === "before" ? [compression(), lock] : [lock, compression()]));
    app.get("/long", (_req, res) => void res.send(long));
    app.get("/raw", (_req, res) => {
      res.setHeader("content-type", "text/plain");
      res.end(long);
    });
    app.get("/chunks", (_req, res) => {
      res.type("text");
      for (const part of long.match(/.{1,1000}/g) ?? []) res.write(part);
      res.end();
    });
    app.get("/short", (_req, res) => void res.send("short"));
    const { url } = await listen(app);
    for (const path of ["/long", "/raw", "/chunks"]) {
      const { headers, body } = await ask(url + path, { method: "GET" });
      expect([headers.get("content-encoding"), body]).toEqual(["gzip", long]);
      await scene.free(key);
    }
    const { headers, body } = await ask(`${url}/short`, { method: "GET" });
    expect([headers.get("content-encoding"), headers.get("content-length"), body]).toEqual([
      null,
      "5",
      "short",
    ]);
    const head = await ask(`${url}/long`, { method: "HEAD" });
    expect([head.status, head.body]).toEqual([200, ""]);
    await scene.free(key);
  });
});
