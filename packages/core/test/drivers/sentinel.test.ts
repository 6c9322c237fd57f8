import { newestOrOlder, useSentinel } from "@lock/redis-harness/vitest";
import { libraries } from "../support/clients.ts";
import { runBasicSuites } from "../support/topologies.ts";

// No server fails here: a loaded machine must not look like one that does.
const sentinel = useSentinel({ downAfter: 10_000 });

for (const { name, connectSentinel } of newestOrOlder(libraries)) {
  runBasicSuites({
    name: `${name}, Sentinel`,
    servers: () => sentinel().servers,
    connect: () => connectSentinel(sentinel()),
  });
}
