import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the ephemeral ranges of Linux and macOS. A server that is down for a moment must not lose its port to an
// outgoing connection, and a client that keeps reconnecting to an ephemeral port can end up connected to itself.
const FIRST = 20_000;
const END = 32_768;

const given = new Set<number>();

/**
 * A port on 127.0.0.1 that nothing listens on and that this process was not given before. The same goes for the one
 * that lies `companion` above it, where a server takes two.
 */
export async function findFreePort(companion = 0): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(FIRST, END - companion);
    const both = new Set([port, port + companion]);
    const free = await Promise.all(
      [...both].map(async (each) => !given.has(each) && (await canListen(each))),
    );
    if (free.includes(false)) continue;
    for (const each of both) given.add(each);
    return port;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${FIRST} and ${END - 1}`);
}

/** Whether nothing listens on a port of 127.0.0.1. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
