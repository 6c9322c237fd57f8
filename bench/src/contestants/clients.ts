import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { createClient as createClient6 } from "redis";
import { createClient as createClient5 } from "redis5";

export async function openIoredis5(url: string) {
  const client = new Redis5(url, { lazyConnect: true });
  await client.connect();
  return client;
}

export async function openIoredis6(url: string) {
  const client = new Redis6(url, { lazyConnect: true });
  await client.connect();
  return client;
}

export async function openNodeRedis5(url: string) {
  const client = createClient5({ url });
  client.on("error", reportFault);
  await client.connect();
  return client;
}

export async function openNodeRedis6(url: string) {
  const client = createClient6({ url });
  client.on("error", reportFault);
  await client.connect();
  return client;
}

/** Without a listener node-redis would end the process before the measurement can report why. */
function reportFault(error: unknown): void {
  console.error(error);
}

/** The types of a rival name one version of ioredis; at run time it takes any client of that shape. */
export function asPeerClient<Client>(client: object): Client {
  return client as Client;
}
