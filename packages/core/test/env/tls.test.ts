import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates, type RedisServer, startRedis } from "@lock/redis-harness";
import { findFreePort } from "@lock/redis-harness/host";
import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { createClient as createClient6 } from "redis";
import { createClient as createClient5 } from "redis5";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisNodeEnv, readRedisEnv } from "../../src/env.ts";

let folder = "";
let redis: RedisServer | undefined;
let port = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-tls-"));
  const [own, other] = [makeCertificates(), makeCertificates()];
  const files = { "ca.pem": own.ca, "cert.pem": own.cert, "key.pem": own.key, "other.pem": other.ca };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
  port = await findFreePort();
  const args = ["--tls-port", String(port), "--tls-auth-clients", "yes"];
  args.push(
    "--tls-cert-file",
    at("cert.pem"),
    "--tls-key-file",
    at("key.pem"),
    "--tls-ca-cert-file",
    at("ca.pem"),
  );
  redis = await startRedis({ password: "s3cret/@", args });
});
afterAll(async () => {
  await redis?.stop();
  await rm(folder, { recursive: true });
});

function at(file: string): string {
  return join(folder, file);
}

/** The one node, as the variables say, on top of those that are right. */
function nodeOf(variables: Readonly<Record<string, string>> = {}): RedisNodeEnv {
  const [node] = readRedisEnv({
    REDIS_URL: `rediss://127.0.0.1:${port}`,
    REDIS_PASSWORD: "s3cret/@",
    REDIS_TLS_CA_FILE: at("ca.pem"),
    REDIS_TLS_CERT_FILE: at("cert.pem"),
    REDIS_TLS_KEY_FILE: at("key.pem"),
    ...variables,
  }).nodes;
  return node;
}

/** What a client of each library answers to ECHO, or says of why it cannot be asked. */
const libraries: Record<string, (node: RedisNodeEnv) => Promise<string>> = {
  "ioredis 5": (node) => ofIoredis(new Redis5(node.url, { ...node.ioredisOptions, ...ONCE })),
  "ioredis 6": (node) => ofIoredis(new Redis6(node.url, { ...node.ioredisOptions, ...ONCE })),
  "node-redis 5": (node) => ofNodeRedis(createClient5(node.nodeRedisOptions)),
  "node-redis 6": (node) => ofNodeRedis(createClient6(node.nodeRedisOptions)),
};

const ONCE = { lazyConnect: true, retryStrategy: () => null } as const;

async function ofIoredis(client: Redis5 | Redis6): Promise<string> {
  let said = "";
  client.on("error", (error) => {
    said = String(error);
  });
  try {
    await client.connect();
    return await client.echo("hello");
  } catch (error) {
    return said || String(error);
  } finally {
    client.disconnect();
  }
}

interface NodeRedis {
  on(event: "error", listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  sendCommand(words: string[]): Promise<unknown>;
  destroy(): void;
}

async function ofNodeRedis(client: NodeRedis): Promise<string> {
  // It goes on trying, and tells only its listener why.
  const failed = new Promise<string>((resolve) => client.on("error", (error) => resolve(String(error))));
  const answered = client.connect().then(async () => String(await client.sendCommand(["ECHO", "hello"])));
  answered.catch(() => undefined);
  try {
    return await Promise.race([answered, failed]);
  } finally {
    client.destroy();
  }
}

describe.each(Object.entries(libraries))("TLS by %s", (_, ask) => {
  it("works as the environment says: authority, own certificate, password", async () => {
    expect(await ask(nodeOf())).toBe("hello");
  });

  it("is the same with REDIS_TLS and a bare address", async () => {
    const node = nodeOf({ REDIS_NODES: `127.0.0.1:${port}`, REDIS_TLS: "true" });
    expect(await ask(node)).toBe("hello");
  });

  it("fails with a wrong authority, and says so without the password", async () => {
    const said = await ask(nodeOf({ REDIS_TLS_CA_FILE: at("other.pem") }));
    expect(said).toMatch(/unable to verify|self.signed|unable to get (local )?issuer/i);
    expect(said).not.toContain("s3cret");
  });

  it("fails with the authorities that Node trusts", async () => {
    expect(await ask(nodeOf({ REDIS_TLS_CA_FILE: "" }))).toMatch(
      /unable to verify|self.signed|unable to get/i,
    );
  });
});
