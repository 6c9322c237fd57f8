import { startRedis } from "@lock/redis-harness";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import { beforeEach, describe, expect, it } from "vitest";
import { backendError } from "../src/backends/redis/faults.ts";
import { RedisBackend } from "../src/backends/redis/redis-backend.ts";
import { isUnexplained } from "../src/contract/unexplained.ts";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, LockBackendError, type Locks, QuorumError, type QuorumVote } from "../src/index.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";
import { libraries } from "./support/clients.ts";

/** As a server's: what is in this process needs no time to answer. */
class RemoteBackend extends FaultyBackend {
  override get requestTimeout() {
    return 2_000;
  }
}

type Expected = "lasts" | "passes" | "unexplained";

function classOf(error: LockBackendError): Expected {
  if (!error.retryable) return "lasts";
  return isUnexplained(error) ? "unexplained" : "passes";
}

/** What servers say: Redis 6 to 8, Valkey, and what stands in for them. The command was not executed. */
const SERVERS: readonly (readonly [said: string, expected: Expected, advice: RegExp])[] = [
  ["NOAUTH Authentication required.", "lasts", /username and password/],
  ["WRONGPASS invalid username-password pair or user is disabled.", "lasts", /wrong username or password/],
  ["ERR invalid password", "lasts", /wrong username or password/],
  ["NOPERM this user has no permissions to run the 'evalsha' command", "lasts", /ACL user/],
  ["NOPERM User locker has no permissions to run the 'eval' command", "lasts", /ACL user/],
  ["ERR The user executing the script can't run this command or subcommand script: f0", "lasts", /ACL user/],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "lasts", /another type/],
  ["DENIED Redis is running in protected mode because protected mode is enabled", "lasts", /protected mode/],
  ["ERR unknown command 'EVALSHA', with args beginning with: 'f00' '5' 'OOM' 'READONLY' ", "lasts", /EVAL/],
  ["ERR unknown command `EVAL`, with args beginning with: `return 1`, `0`, ", "lasts", /EVAL/],
  ["ERR Unknown Redis command called from script script: f0, on @user_script:1.", "lasts", /EVAL/],
  [
    "ERR Error running script (call to f_0): @user_script:3: Unknown Redis command called from Lua script",
    "lasts",
    /EVAL/,
  ],
  ["ERR This Redis command is not allowed from script script: f0, on @user_script:1.", "lasts", /EVAL/],
  ["ERR This Redis command is not allowed from scripts", "lasts", /EVAL/],
  ["ERR unsupported command 'evalsha'", "lasts", /EVAL/],
  ["ERR Command is not available: 'EVAL'. See https://example.com", "lasts", /EVAL/],
  ["READONLY You can't write against a read only replica.", "passes", /replica/],
  [
    "ERR Error running script (call to f_0): @user_script:9: -READONLY You can't write against a read only replica.",
    "passes",
    /replica/,
  ],
  ["LOADING Redis is loading the dataset in memory", "passes", /loading/],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "passes", /master/],
  ["CLUSTERDOWN The cluster is down", "passes", /cluster/],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "passes", /moved/],
  [
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "passes",
    /script/,
  ],
  ["OOM command not allowed when used memory > 'maxmemory'.", "passes", /maxmemory/],
  [
    "ERR Error running script (call to f_0): @user_script:1: OOM command not allowed when used memory > 'maxmemory'.",
    "passes",
    /maxmemory/,
  ],
  [
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled",
    "passes",
    /disk/,
  ],
  ["NOREPLICAS Not enough good replicas to write.", "passes", /replicas/],
];

/** What clients reject commands with: ioredis 5 and 6, iovalkey, node-redis 5 and 6, and Node. */
const CLIENTS: readonly (readonly [said: string, expected: Expected])[] = [
  ["connect ECONNREFUSED 127.0.0.1:6379", "passes"],
  ["read ECONNRESET", "passes"],
  ["write EPIPE", "passes"],
  ["connect ETIMEDOUT", "passes"],
  ["getaddrinfo ENOTFOUND redis.example", "passes"],
  ["getaddrinfo EAI_AGAIN redis.example", "passes"],
  ["connect EHOSTUNREACH 10.0.0.1:6379", "passes"],
  [
    'Reached the max retries per request limit (which is 20). Refer to "maxRetriesPerRequest" option for details.',
    "passes",
  ],
  ["Stream isn't writeable and enableOfflineQueue options is false", "passes"],
  ["Command timed out", "passes"],
  ["Socket timeout. Expecting data, but didn't receive any in 500ms.", "passes"],
  ["Command aborted due to connection close", "passes"],
  ["Ready check failed: Redis info is not there", "passes"],
  ["None of startup nodes is available", "passes"],
  ["Failed to refresh slots cache.", "passes"],
  ["Cluster isn't ready and enableOfflineQueue options is false", "passes"],
  ["Too many Cluster redirections. Last error: Error: timeout", "passes"],
  ["All sentinels are unreachable. Retrying from scratch after 10ms.", "passes"],
  ["Socket closed unexpectedly", "passes"],
  ["Connection timeout", "passes"],
  ["The client is offline", "passes"],
  ["Disconnects client", "passes"],
  ["The command was aborted", "passes"],
  ["Command timeout during maintenance. Waited to write command for more than 500ms.", "passes"],
  ["All the root nodes are unavailable", "passes"],
  ["None of the sentinels are available", "passes"],
  ["no valid master node", "passes"],
  ["The queue is full", "passes"],
  ["the connection to a server was lost", "passes"],
  ["Connection is closed.", "unexplained"],
  ["The client is closed", "lasts"],
  ["self-signed certificate in certificate chain", "unexplained"],
  ["ERR max number of clients reached", "unexplained"],
  ["ERR value is not an integer or out of range", "unexplained"],
  ["BADNEWS of a server to come", "unexplained"],
];

describe("a fault", () => {
  it.each(SERVERS)("of a server: %s", (said, expected, advice) => {
    const error = backendError(new Error(said), "key");
    expect([classOf(error), error.ambiguous]).toEqual([expected, false]);
    expect(error.message).toMatch(advice);
  });

  it.each(CLIENTS)("of a client: %s", (said, expected) => {
    const error = backendError(new Error(said), "key");
    expect(classOf(error)).toBe(expected);
    expect(error.message).toContain(said);
  });

  it.each([
    ["a code", Object.assign(new Error("connect failed"), { code: "ECONNREFUSED" })],
    ["several addresses", new AggregateError([new Error("connect ECONNREFUSED ::1:1")], "")],
    ["a cause", new Error("it went wrong", { cause: new Error("read ECONNRESET") })],
  ])("is known by %s", (_, error) => {
    expect(classOf(backendError(error, "key"))).toBe("passes");
  });
});

describe("an acquire", () => {
  let clock: FakeClock;
  let backend: FaultyBackend;
  let locks: Locks;
  beforeEach(() => {
    clock = new FakeClock();
    backend = new RemoteBackend(inProcessBackend({ clock }));
    locks = createLocks({ backend });
  });
  const forever = { wait: "forever" } as const;
  const fault = (said: string) => backendError(new Error(said), "key");

  async function settledAfter(work: Promise<unknown>, most: number): Promise<number | undefined> {
    const start = clock.now().mono;
    let settled: number | undefined;
    const note = () => {
      settled = clock.now().mono - start;
    };
    work.then(note, note);
    for (let waited = 0; waited < most && settled === undefined; waited += 10) await clock.advance(10);
    return settled;
  }

  it.each<[string, number, number]>([
    ["NOPERM no rights", 0, 0],
    ["ERR unknown command 'evalsha'", 0, 0],
    ["BADNEWS of a server to come", 2_000, 2_010],
    ["ERR no such thing", 2_000, 2_010],
  ])("that waits for ever is told of %s after %i ms", async (said, least, most) => {
    backend.fail("tryAcquire", fault(said), Number.POSITIVE_INFINITY);
    const acquiring = locks.acquire("key", forever);
    const waited = await settledAfter(acquiring, 60_000);
    expect(waited).toBeGreaterThanOrEqual(least);
    expect(waited).toBeLessThanOrEqual(most);
    await expect(acquiring).rejects.toThrow(
      said.replace(/NOPERM.*/, "NOPERM").replace(/ERR unknown.*/, "unknown"),
    );
  });

  it.each(["read ECONNRESET", "LOADING", "OOM", "CLUSTERDOWN"])("waits out %s", async (said) => {
    backend.fail("tryAcquire", fault(said), Number.POSITIVE_INFINITY);
    const acquiring = locks.acquire("key", forever);
    expect(await settledAfter(acquiring, 60_000)).toBeUndefined();
    backend.heal();
    await clock.advance(2_000);
    await (await acquiring).release();
  });

  it("is told no later for a clock that steps, nor sooner", async () => {
    for (const step of [-3_600_000, -5_000, 5_000, 3_600_000]) {
      backend.fail("tryAcquire", fault("BADNEWS"), Number.POSITIVE_INFINITY);
      const acquiring = locks.acquire("key", forever).catch((error: unknown) => error);
      await clock.advance(500);
      clock.stepWall(step);
      expect(await settledAfter(acquiring, 60_000)).toBe(1_500);
    }
  });

  it("of a ticket is limited as well", async () => {
    const ticket = (await locks.acquire("key", { ttl: 60_000 })).toTicket();
    backend.fail("adopt", fault("BADNEWS"), Number.POSITIVE_INFINITY);
    const adopting = createLocks({ backend, wait: "forever" }).adopt(ticket);
    expect(await settledAfter(adopting, 60_000)).toBeLessThanOrEqual(2_010);
    await expect(adopting).rejects.toThrow("BADNEWS");
  });
});

describe("a quorum", () => {
  const vote = (said: string): QuorumVote =>
    said === "timeout"
      ? { node: "n", vote: "timeout" }
      : { node: "n", vote: "error", error: backendError(new Error(said), "key") };
  it.each<[string[], Expected]>([
    [["NOPERM", "NOPERM", "timeout"], "lasts"],
    [["NOPERM", "timeout", "timeout"], "passes"],
    [["ERR unknown command 'EVAL'", "WRONGTYPE", "LOADING"], "lasts"],
    [["NOPERM", "BADNEWS", "timeout"], "unexplained"],
    [["BADNEWS", "BADNEWS", "BADNEWS"], "unexplained"],
    [["BADNEWS", "LOADING", "read ECONNRESET"], "passes"],
  ])("whose nodes say %j", (said, expected) => {
    const error = new QuorumError("key", said.map(vote));
    expect(classOf(error)).toBe(expected);
  });
});

describe.concurrent.each(newestOrOlder(libraries))("$name", ({ connect }) => {
  const renamed = (...names: string[]) => ({ args: names.flatMap((name) => ["--rename-command", name, ""]) });
  it.each([
    ["no EVALSHA", renamed("EVALSHA"), [], /unknown command.*EVAL and EVALSHA/],
    ["no EVAL", renamed("EVAL"), [], /unknown command.*EVAL and EVALSHA/],
    ["no TIME in scripts", renamed("TIME"), [], /unknown command/],
    ["a user without rights", {}, ["-eval", "-evalsha"], /NOPERM.*\+eval \+evalsha/],
  ] as const)(
    "fails at once where there is %s, however long it waits",
    async (_, options, rights, advice) => {
      await using server = await startRedis(options);
      const client = await connect(server.url);
      if (rights.length > 0) await client.command("ACL", "SETUSER", "default", ...rights);
      const locks = createLocks({ backend: client.backend({ requestTimeout: 10_000 }) });
      const start = performance.now();
      const error: unknown = await locks.acquire("key", { wait: "forever" }).catch((reason) => reason);
      expect(performance.now() - start).toBeLessThan(5_000);
      expect(error).toBeInstanceOf(LockBackendError);
      expect(error).toMatchObject({
        retryable: false,
        ambiguous: false,
        message: expect.stringMatching(advice),
      });
      await locks.close();
      client.close();
    },
  );

  it("tells what nobody knows as it is, after requestTimeout", async () => {
    await using server = await startRedis();
    const client = await connect(server.url);
    const evalsha = () => Promise.reject(new Error("ERR of a server to come"));
    const backend = new RedisBackend({ ...client.driver, evalsha }, { requestTimeout: 400 });
    const locks = createLocks({ backend });
    const start = performance.now();
    await expect(locks.acquire("key", { wait: "forever" })).rejects.toThrow("ERR of a server to come");
    const waited = performance.now() - start;
    expect(waited).toBeGreaterThanOrEqual(399);
    expect(waited).toBeLessThan(3_000);
    await locks.close();
    client.close();
  });
});
