import { expect, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { idempotent, inProcessRecords, type RecordStore } from "../../src/idempotent.ts";
import { lockRoute } from "../../src/index.ts";
import { listen } from "../support/app.ts";
import { ask } from "../support/client.ts";
import { expresses } from "../support/expresses.ts";
import { useLocks } from "../support/locks.ts";
import { charge, forms, newKey, post, shopOn } from "./orders.ts";

const scene = useLocks();
const shop = shopOn(scene);

describe.concurrent.each(newestOrOlder(forms))("$name, $form", (combination) => {
  it("answers 503 when the records or the locks cannot be reached, and does nothing", async () => {
    const broken: RecordStore = { ...inProcessRecords(), read: () => Promise.reject(new Error("gone")) };
    const records = await shop(combination, charge, { records: broken });
    expect((await ask(records.url, post(newKey()))).status).toBe(503);
    const { locks, proxy } = await scene.faulty();
    const locked = await shop(combination, charge, { locks });
    proxy.blackhole();
    expect((await ask(locked.url, post(newKey()))).status).toBe(503);
    expect([records.done(), locked.done()]).toEqual([0, 0]);
  });

  it("holds the key while an answer cannot be kept, and tries again", async () => {
    const real = inProcessRecords();
    let failures = 2;
    const records: RecordStore = {
      read: real.read,
      write: (...record) => (failures-- > 0 ? Promise.reject(new Error("gone")) : real.write(...record)),
    };
    const { url, done } = await shop(combination, charge, { records, wait: 20_000 });
    const key = newKey();
    expect((await ask(url, post(key))).status).toBe(201);
    expect((await ask(url, post(key))).headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });
});

describe.concurrent.each(newestOrOlder(expresses))("$name, idempotent", ({ express }) => {
  it("does not keep that a lock could not be reached", async () => {
    const headers = { "content-type": "application/json", "idempotency-key": newKey() };
    const app = express();
    app.set("env", "test");
    const { locks: inner, proxy } = await scene.faulty();
    app.post(
      "/",
      idempotent({
        locks: scene.rivals,
        records: inProcessRecords(),
        tenant: () => "",
        keepServerErrors: true,
      }),
      lockRoute({ locks: inner, key: scene.key() }, (_req, res) => void res.send("done")),
    );
    const { url } = await listen(app);
    proxy.blackhole();
    expect((await ask(url, { headers })).status).toBe(503);
    proxy.heal();
    await expect.poll(async () => (await ask(url, { headers })).status).toBe(200);
  });
});
