import { newestOrOlder, useCluster } from "@lock/redis-harness/vitest";
import { type Library, libraries } from "../support/clients.ts";
import { runBasicSuites, runOtherSuites, type Topology } from "../support/topologies.ts";

const cluster = useCluster();

const on = ({ name, connectCluster }: Library): Topology => ({
  name: `${name}, Cluster`,
  servers: () => cluster().servers,
  connect: () => connectCluster(cluster().urls),
});

for (const library of newestOrOlder(libraries)) {
  runBasicSuites(on(library));
  if (library.isNewest) runOtherSuites(on(library));
}
