import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { whenOver } from "@lock/redis-harness/vitest";
import type { Express } from "express";

/** An app that listens on 127.0.0.1. */
export interface Listening {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
}

/** Lets an app listen until the test ends, in a file that calls `useOwnTests`, as `useLocks` does. */
export async function listen(app: Express): Promise<Listening> {
  const server = createServer(app);
  whenOver(async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { server, port, url: `http://127.0.0.1:${port}` };
}
