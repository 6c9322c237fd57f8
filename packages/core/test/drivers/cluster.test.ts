import { useCluster } from "@lock/redis-harness/vitest";
import { ioredis5, ioredis6, iovalkey, type Library, nodeRedis5, nodeRedis6 } from "../support/clients.ts";
import { runBasicSuites, runOtherSuites, type Topology } from "../support/topologies.ts";

const cluster = useCluster();

const on = ({ name, connectCluster }: Library): Topology => ({
  name: `${name}, Cluster`,
  servers: () => cluster().servers,
  connect: () => connectCluster(cluster().urls),
});

for (const library of [ioredis5, iovalkey, nodeRedis5]) runBasicSuites(on(library));
for (const library of [ioredis6, nodeRedis6]) {
  runBasicSuites(on(library));
  runOtherSuites(on(library));
}
