import type { Redis } from "ioredis";
import type { RealServer } from "./compare.ts";

/** A real server whose words and replies are bytes, one character each. */
export function realServer(client: Redis): RealServer {
  return async (commands) => {
    const pipeline = client.pipeline();
    for (const [name = "", ...args] of commands) {
      pipeline.callBuffer(name, ...args.map((arg) => Buffer.from(arg, "latin1")));
    }
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, reply]) => error ?? toBytes(reply));
  };
}

function toBytes(reply: unknown): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString("latin1");
  return Array.isArray(reply) ? reply.map(toBytes) : reply;
}
