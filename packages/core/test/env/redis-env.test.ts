import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "@lock/redis-harness";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRedisEnv } from "../../src/env.ts";
import { LockUsageError } from "../../src/index.ts";

type Variables = Readonly<Record<string, string>>;

let folder = "";
const { ca, cert, key } = makeCertificates();
const other = makeCertificates();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-env-"));
  const files = {
    "ca.pem": ca,
    "cert.pem": cert,
    "key.pem": key,
    "other.pem": other.key,
    "none.pem": "nothing",
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
});
afterAll(() => rm(folder, { recursive: true }));

/** Variables that name files: in the folder. */
function within(variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      name.endsWith("_FILE") ? join(folder, value) : value,
    ]),
  );
}

describe("the environment", () => {
  it.each<[Variables, string[]]>([
    [{}, ["redis://127.0.0.1:6379"]],
    [{ REDIS_URL: "", REDIS_NODES: " " }, ["redis://127.0.0.1:6379"]],
    [{ REDIS_URL: "redis://cache" }, ["redis://cache:6379"]],
    [{ REDIS_URL: " redis://cache:7/2 " }, ["redis://cache:7/2"]],
    [{ REDIS_URL: "redis://cache/" }, ["redis://cache:6379"]],
    [{ REDIS_URL: "rediss://me:p%40w@cache:7" }, ["rediss://me:p%40w@cache:7"]],
    [{ REDIS_URL: "redis://[::1]:7" }, ["redis://[::1]:7"]],
    [{ REDIS_PASSWORD: "a/b@c:d" }, ["redis://:a%2Fb%40c%3Ad@127.0.0.1:6379"]],
    [{ REDIS_URL: "redis://me@cache", REDIS_PASSWORD: " pw" }, ["redis://me:%20pw@cache:6379"]],
    [{ REDIS_URL: "redis://:own@cache", REDIS_PASSWORD: "pw" }, ["redis://:own@cache:6379"]],
    [
      { REDIS_NODES: "a, b:7 ,[::1]:8,[::1],redis://:x@d/1" },
      ["redis://a:6379", "redis://b:7", "redis://[::1]:8", "redis://[::1]:6379", "redis://:x@d:6379/1"],
    ],
    [{ REDIS_NODES: "a,redis://:x@b", REDIS_PASSWORD: "pw" }, ["redis://:pw@a:6379", "redis://:x@b:6379"]],
    [{ REDIS_NODES: "a", REDIS_URL: "redis://b" }, ["redis://a:6379"]],
    [
      { REDIS_NODES: "a,redis://b,rediss://c", REDIS_TLS: "true" },
      ["rediss://a:6379", "rediss://b:6379", "rediss://c:6379"],
    ],
    [{ REDIS_NODES: "a,rediss://c" }, ["redis://a:6379", "rediss://c:6379"]],
    [{ REDIS_URL: "redis://a", REDIS_TLS: "false" }, ["redis://a:6379"]],
    [{ REDIS_HOST: "cache" }, ["redis://cache:6379"]],
    [{ REDIS_HOST: "cache", REDIS_PORT: "7000" }, ["redis://cache:7000"]],
    [{ REDIS_PORT: "7000" }, ["redis://127.0.0.1:7000"]],
    [{ REDIS_HOST: "::1" }, ["redis://[::1]:6379"]],
    [{ REDIS_HOST: "[::1]", REDIS_PORT: "7" }, ["redis://[::1]:7"]],
    [
      { REDIS_HOST: "a", REDIS_USERNAME: "me", REDIS_PASSWORD: "pw", REDIS_DB: "2", REDIS_TLS: "true" },
      ["rediss://me:pw@a:6379/2"],
    ],
    [{ REDIS_URL: "redis://a", REDIS_HOST: "b", REDIS_PORT: "tcp://10.0.0.1:6379" }, ["redis://a:6379"]],
    [{ REDIS_NODES: "a", REDIS_HOST: "b" }, ["redis://a:6379"]],
  ])("%j names %j", (env, urls) => {
    expect(readRedisEnv(env).nodes.map(({ url }) => url)).toEqual(urls);
  });

  it("is told in parts, too", () => {
    const [node] = readRedisEnv({ REDIS_URL: "redis://me:p%40w@[::1]:7/3" }).nodes;
    const { ioredisOptions, nodeRedisOptions, url, ...parts } = node;
    expect(parts).toEqual({
      name: "[::1]:7",
      host: "::1",
      port: 7,
      username: "me",
      password: "p@w",
      db: 3,
      tls: undefined,
    });
    expect(ioredisOptions).toEqual({});
    expect(nodeRedisOptions).toEqual({ url });
  });

  it("says how locks are to be taken, or leaves it open", () => {
    const numbers = { REDIS_LOCK_TTL_MS: "5000", REDIS_RETRY_COUNT: "0", REDIS_RETRY_DELAY_MS: "200" };
    expect(readRedisEnv(numbers)).toMatchObject({ ttl: 5_000, retry: { limit: 0, delay: 200 } });
    expect(readRedisEnv({})).toMatchObject({ ttl: undefined, retry: { limit: undefined, delay: undefined } });
  });

  it("is that of the process, if no other is given", () => {
    expect(readRedisEnv().nodes.length).toBeGreaterThan(0);
  });

  it("names files for TLS, which are read", () => {
    const files = within({
      REDIS_TLS: "true",
      REDIS_TLS_CA_FILE: "ca.pem",
      REDIS_TLS_CERT_FILE: "cert.pem",
      REDIS_TLS_KEY_FILE: "key.pem",
    });
    const [node] = readRedisEnv(files).nodes;
    expect(node.tls).toEqual({ ca, cert, key });
    expect(node.ioredisOptions).toEqual({ tls: { ca, cert, key } });
    expect(node.nodeRedisOptions).toEqual({
      url: "rediss://127.0.0.1:6379",
      socket: { tls: true, ca, cert, key },
    });
    const [plain, secured] = readRedisEnv(
      within({ REDIS_NODES: "a,rediss://b", REDIS_TLS_CA_FILE: "ca.pem" }),
    ).nodes;
    expect(plain.tls).toBeUndefined();
    expect(secured?.tls).toEqual({ ca });
  });
});

describe("a variable that is wrong", () => {
  const FILE = "a file in PEM format";
  it.each<[string, string, string]>([
    ["REDIS_URL", "localhost:6379", "a text without a scheme"],
    ["REDIS_URL", "http://me:secret@host", "scheme is 'http'"],
    ["REDIS_URL", "redis://:secret@", "cannot be read"],
    ["REDIS_URL", "redis://", "without a host"],
    ["REDIS_URL", "redis://ho%20st", "without a host, or with a wrong one"],
    ["REDIS_URL", "redis://host:99999", "cannot be read"],
    ["REDIS_URL", "redis://host:0", "port is 0"],
    ["REDIS_URL", "redis://:secret@host/db", "not the number of a database"],
    ["REDIS_URL", "redis://me:1/secret@host", "not the number of a database"],
    ["REDIS_URL", "redis://:sec/ret@host", "password percent-encoded"],
    ["REDIS_URL", "redis://:secret%zz@host", "not percent-encoded"],
    ["REDIS_URL", "redis://host?password=secret", "with a ?"],
    ["REDIS_URL", "redis://:s#secret@host", "password percent-encoded"],
    ["REDIS_NODES", "a,,b", "entry 2, which is empty"],
    ["REDIS_NODES", "a,b,", "entry 3, which is empty"],
    ["REDIS_NODES", "a,b:x", "entry 2: a url that cannot be read"],
    ["REDIS_NODES", "a,:secret@b", "entry 2, which has an @, but no redis:// in front"],
    ["REDIS_NODES", "a,http://:secret@b", "entry 2, a url whose scheme"],
    ["REDIS_NODES", "a,b,redis://:secret@a:6379", "the same in entries 1 and 3"],
    ["REDIS_LOCK_TTL_MS", "0", "from 1 to 86400000, got '0'"],
    ["REDIS_LOCK_TTL_MS", "86400001", "from 1 to 86400000"],
    ["REDIS_LOCK_TTL_MS", "1.5", "a whole number of milliseconds"],
    ["REDIS_LOCK_TTL_MS", "30s", "a whole number of milliseconds"],
    ["REDIS_LOCK_TTL_MS", "1e3", "a whole number of milliseconds"],
    ["REDIS_LOCK_TTL_MS", "0x10", "a whole number of milliseconds"],
    ["REDIS_RETRY_COUNT", "-1", "from 0 to 1000000, got '-1'"],
    ["REDIS_RETRY_COUNT", "forever", "a whole number"],
    ["REDIS_RETRY_DELAY_MS", "3600001", "from 0 to 3600000"],
    ["REDIS_RETRY_DELAY_MS", "\u001b[31m5", "got a string of 6 characters"],
    ["REDIS_TLS", "yes", "true or false, got 'yes'"],
    ["REDIS_HOST", "cache:6379", "without a port, got a string of 10 characters"],
    ["REDIS_HOST", "redis://:secret@cache", "the name or the address of a host"],
    ["REDIS_HOST", "fade:6379", "cannot be read"],
    ["REDIS_PORT", "0", "from 1 to 65535, got '0'"],
    ["REDIS_PORT", "tcp://10.0.0.1:6379", "set REDIS_URL instead"],
    ["REDIS_DB", "-1", "from 0 to"],
  ])("%s=%j is refused, by its name", (name, value, said) => {
    const error = wrongly({ [name]: value });
    expect(error.message).toMatch(new RegExp(`^${name} must `));
    expect(error.message).toContain(said);
    expect(error.message).not.toContain("secret");
  });

  it.each<[Variables, string]>([
    [{ REDIS_TLS: "false", REDIS_URL: "rediss://me:secret@host" }, "REDIS_TLS must not be false"],
    [{ REDIS_TLS_CA_FILE: "ca.pem" }, "REDIS_TLS_CA_FILE is set, but no node uses TLS"],
    [{ REDIS_TLS: "true", REDIS_TLS_CA_FILE: "missing.pem" }, `REDIS_TLS_CA_FILE must be ${FILE}`],
    [{ REDIS_TLS: "true", REDIS_TLS_CA_FILE: "none.pem" }, `REDIS_TLS_CA_FILE must be ${FILE}`],
    [
      { REDIS_TLS: "true", REDIS_TLS_CERT_FILE: "cert.pem" },
      "REDIS_TLS_KEY_FILE must be set because REDIS_TLS_CERT_FILE is set",
    ],
    [
      { REDIS_TLS: "true", REDIS_TLS_KEY_FILE: "key.pem" },
      "REDIS_TLS_CERT_FILE must be set because REDIS_TLS_KEY_FILE is set",
    ],
    [
      { REDIS_TLS: "true", REDIS_TLS_CERT_FILE: "cert.pem", REDIS_TLS_KEY_FILE: "other.pem" },
      "REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE must be a certificate and its key",
    ],
  ])("%j is refused", (env, said) => {
    const { message } = wrongly(within({ REDIS_PASSWORD: "secret", ...env }));
    expect(message).toContain(said);
    expect(message).not.toContain("secret");
    expect(message).not.toContain("PRIVATE");
  });
});

function wrongly(env: Variables): LockUsageError {
  try {
    readRedisEnv(env);
  } catch (error) {
    if (error instanceof LockUsageError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
