import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { newestOrOlder, useOwnTests, useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { appOf, combinations } from "./support/forms.ts";

useOwnTests();
const redis = useRedis();
const REQUESTS = 100;

it.each(newestOrOlder(combinations))(
  "$name, $form: an uncontended request costs two commands",
  async (combination) => {
    const client = new Redis(redis.url);
    const admin = new Redis(redis.url);
    const locks = createLocks({ backend: ioredisBackend(client) });
    const app = appOf(combination, { locks, key: combination.form }, (_req, res) => void res.send("done"));
    const { url } = await listen(app);
    await ask(url);
    await admin.config("RESETSTAT");
    for (let round = 0; round < REQUESTS; round++) await ask(url);
    const stats = await admin.info("commandstats");
    // What scripts call is counted as well; requests of ours are only these.
    const sent = [...stats.matchAll(/cmdstat_(evalsha|eval|subscribe|script\|load):calls=(\d+)/g)];
    const calls = sent.reduce((sum, [, , count]) => sum + Number(count), 0);
    expect(calls).toBe(2 * REQUESTS);
    await locks.close();
    for (const each of [client, admin]) each.disconnect();
  },
);
