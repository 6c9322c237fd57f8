import { Redis } from "ioredis5";
import { afterEach } from "vitest";

/** Opens clients, and closes them after each test. */
export function useClients(): (url: string) => Redis {
  const clients: Redis[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  return (url) => {
    const client = new Redis(url);
    client.on("error", () => undefined);
    clients.push(client);
    return client;
  };
}
