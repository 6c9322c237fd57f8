import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { getLease, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
const quiet = { validate: { mountedTwice: false } };

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it("is re-entrant within a request, and held until the last one is done", async () => {
    const { locks, rivals } = scene;
    const [a, b] = [scene.key(), scene.key()];
    const after = gate();
    const app = express();
    app.use(lockRoute({ locks, key: [a, b], ...quiet }));
    app.post(
      "/",
      lockRoute({ locks, key: a, ...quiet }, async (_req, res) => {
        res.json(getLease(res)?.keys);
        await after.opened;
      }),
    );
    const { url } = await listen(app);
    expect(JSON.parse((await ask(url)).body)).toEqual([a, b]);
    expect(await rivals.inspect(b)).not.toBeNull();
    expect((await ask(url)).status).toBe(409);
    after.open();
    await scene.free(a);
    await scene.free(b);
  });

  it("can be used within by the handler", async () => {
    const { locks } = scene;
    const key = scene.key();
    const app = express();
    app.post(
      "/",
      lockRoute({ locks, key }, async (_req, res) => {
        const within = getLease(res);
        if (within === undefined) throw new Error("no lease");
        res.send(await locks.using(key, { within, wait: 0 }, () => "inside"));
      }),
    );
    const { url } = await listen(app);
    expect((await ask(url)).body).toBe("inside");
    expect((await ask(url)).body).toBe("inside");
  });

  it("refuses to wait within a request for more than it has, and for another mode", async () => {
    const { locks } = scene;
    const [a, b] = [scene.key(), scene.key()];
    const app = express();
    app.set("env", "test");
    app.use("/more", lockRoute({ locks, key: a, ...quiet }), lockRoute({ locks, key: [a, b], ...quiet }));
    app.use(
      "/mode",
      lockRoute({ locks, key: a, mode: "shared", ...quiet }),
      lockRoute({ locks, key: a, ...quiet }),
    );
    const { url } = await listen(app);
    expect((await ask(`${url}/more`)).status).toBe(500);
    expect((await ask(`${url}/mode`)).status).toBe(500);
    await scene.free(a);
  });

  it("takes two locks for two keys, and for one key of different locks", async () => {
    const { locks, rivals } = scene;
    const [a, b] = [scene.key(), scene.key()];
    const others = createLocks({ backend: inProcessBackend() });
    const app = express();
    app.use(lockRoute({ locks, key: a }), lockRoute({ locks, key: b }), lockRoute({ locks: others, key: a }));
    app.post("/", async (_req, res) => {
      const held = [await rivals.inspect(a), await rivals.inspect(b), await others.inspect(a)];
      res.json(held.map((state) => state?.holding));
    });
    const { url } = await listen(app);
    expect((await ask(url)).body).toBe("[1,1,1]");
    const after = [await rivals.inspect(a), await rivals.inspect(b), await others.inspect(a)];
    expect(after).toEqual([null, null, null]);
  });
});
