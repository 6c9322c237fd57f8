import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express5, { type Express, type RequestHandler } from "express";
import express4 from "express4";
import { afterAll } from "vitest";

const servers: Server[] = [];

/** Their types differ in what no test uses. */
const majors: Record<4 | 5, () => Express> = { 4: express4 as unknown as () => Express, 5: express5 };

/** An app that listens until the last test of the file has ended. */
export async function serve(
  mount: (app: Express) => unknown,
  { major = 5 }: { readonly major?: 4 | 5 } = {},
): Promise<string> {
  const app = majors[major]();
  // Errors are expected, and Express would print them.
  app.set("env", "test");
  mount(app);
  const server = createServer(app);
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** To be called once in a file, outside of its tests. */
export function closeServers(): void {
  afterAll(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Sends a POST. */
export async function post(
  url: string,
  key?: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, ...(key && { "idempotency-key": `"${key}"` }) },
    ...(signal && { signal }),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

export type { RequestHandler };
