import assert from "node:assert/strict";
import type { RedisDriver, Subscriber, SubscriberEars } from "../backends/redis/driver.ts";
import { defineScript } from "../backends/redis/script.ts";
import { eventually, type Test, type TestApi, testsOn } from "./test-api.ts";

/** A driver on a real server, how to cut its subscribers' connections there, and how to close it. */
export interface OpenDriver {
  readonly driver: RedisDriver;
  /** CLIENT KILL TYPE pubsub, by whatever connection. */
  killSubscribers(): Promise<void>;
  close(): Promise<void>;
}

/** What an author of a driver gives. */
export interface DriverSuiteOptions {
  readonly api: TestApi;
  readonly name: string;
  open(): Promise<OpenDriver>;
}

const ECHO = defineScript("echo", "return { KEYS[1], KEYS[2], ARGV[1] }");
const PUBLISH = defineScript("publish", "return { tostring(redis.call('PUBLISH', ARGV[1], ARGV[2])) }");

/** The contract of `RedisDriver`, as tests: run it from a test file of your driver. */
export function driverSuite({ api, name, open }: DriverSuiteOptions): void {
  const test = testsOn(api, open);

  api.describe(`driver: ${name}`, () => {
    scripts(test);
    messages(test);
  });
}

function scripts(test: Test<OpenDriver>): void {
  test("runs a script with its keys and arguments", async ({ driver }) => {
    const [one, two] = [`${driver.keyPrefix}{a}1`, `${driver.keyPrefix}{a}2`];
    assert.deepEqual(await driver.eval(ECHO.source, ["{a}1", "{a}2"], ["3"]), [one, two, "3"]);
    assert.deepEqual(await driver.evalsha(ECHO.sha, ["{a}1", "{a}2"], ["3"]), [one, two, "3"]);
  });

  test("passes any text, and no text, unchanged", async ({ driver }) => {
    const odd = "line\r\nbreak \u0000 zero, $5 ünïcödé 🔒";
    assert.deepEqual(await driver.eval("return { ARGV[1], ARGV[2] }", ["{a}"], [odd, ""]), [odd, ""]);
  });

  test("runs any other command, also where a key is", async ({ driver }) => {
    assert.equal(String(await driver.command(["PING", "heard"])), "heard");
    for (const key of ["a", "b", "c", "d"]) {
      await driver.eval("return redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)", [`{${key}}`], [key]);
      // Elsewhere the answer would be a redirection.
      assert.equal(String(await driver.command(["GET", `${driver.keyPrefix}{${key}}`], `{${key}}`)), key);
    }
  });

  test("names all masters of a cluster, and only of a cluster", async ({ driver }) => {
    const masters = await driver.masters?.();
    assert.equal(masters !== undefined, driver.deployment === "cluster");
    const key = `{${Math.random()}}`;
    await driver.eval("return redis.call('SET', KEYS[1], '', 'PX', 60000)", [key], []);
    const lists = (masters ?? [driver]).map((node) =>
      node.eval("return redis.call('KEYS', ARGV[1])", [], [driver.keyPrefix + key]),
    );
    assert.deepEqual((await Promise.all(lists)).flat(), [driver.keyPrefix + key]);
  });

  test("rejects with NOSCRIPT where the server does not know the script", async ({ driver }) => {
    const never = defineScript("never", `return '${Math.random()}'`);
    await assert.rejects(driver.evalsha(never.sha, ["{a}"], []), /^\w*:? ?NOSCRIPT/);
  });

  test("rejects with the server's own error", async ({ driver }) => {
    await assert.rejects(
      driver.eval("return redis.error_reply('OOM of the test')", ["{a}"], []),
      /OOM of the test/,
    );
  });
}

function messages(test: Test<OpenDriver>): void {
  test("hears its channels, and says that the connection was lost", async ({ driver, killSubscribers }) => {
    const heard: string[] = [];
    let resumed = 0;
    let ended = 0;
    let end = new AbortController();
    const open = () => {
      end = new AbortController();
      const ears: SubscriberEars = {
        message: (text) => heard.push(text),
        resumed: () => {
          resumed += 1;
        },
        ended: () => {
          ended += 1;
        },
      };
      return driver.openSubscriber(ears, end.signal);
    };
    const say = async (channel: string, text: string) => {
      const [receivers] = (await driver.eval(PUBLISH.source, ["{a}"], [channel, text])) as string[];
      // In a cluster those on other nodes are not counted.
      return receivers === "1" || driver.deployment === "cluster" ? true : undefined;
    };
    let subscriber: Subscriber = await open();
    try {
      await subscriber.subscribe("suite:one");
      await subscriber.subscribe("suite:two");
      assert.ok(await say("suite:one", "1"));
      assert.ok(await say("suite:two", "2"));
      await eventually("both messages", () => (heard.length === 2 ? true : undefined));
      assert.deepEqual(heard.toSorted(), ["1", "2"]);

      await killSubscribers();
      await eventually("the news of the loss", () => (resumed + ended > 0 ? true : undefined));
      if (resumed === 0) {
        end.abort();
        subscriber = await open();
        await subscriber.subscribe("suite:two");
      }
      await eventually("a receiver", () => say("suite:two", "3"));
      await eventually("the third message", () => (heard.includes("3") ? true : undefined));
      await subscriber.subscribe("suite:three");
      assert.ok(await say("suite:three", "4"));
      await eventually("the fourth message", () => (heard.includes("4") ? true : undefined));
    } finally {
      ended = 0;
      end.abort();
    }
    await eventually("the news of the end", () => (ended > 0 ? true : undefined));
    if (driver.deployment === "cluster") return;
    await eventually("no receiver after close", async () =>
      (await say("suite:two", "5")) ? undefined : true,
    );
  });
}
