import { useSentinel } from "@lock/redis-harness/vitest";
import { libraries } from "../support/clients.ts";
import { runBasicSuites } from "../support/topologies.ts";

const sentinel = useSentinel();

for (const { name, connectSentinel } of libraries) {
  runBasicSuites({
    name: `${name}, Sentinel`,
    servers: () => sentinel().servers,
    connect: () => connectSentinel(sentinel()),
  });
}
