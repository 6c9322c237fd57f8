export { askForLines, askServer } from "./ask.ts";
export { type Balancer, type BalancerTarget, startBalancer } from "./balancer.ts";
export { type Certificates, makeCertificates } from "./certificates.ts";
export { type ClusterOptions, type RedisCluster, startCluster } from "./cluster.ts";
export { type FaultyProxy, type ProxyTarget, startFaultyProxy } from "./faulty-proxy.ts";
export { findRedisServer } from "./find-server.ts";
export { type RedisNodes, type RedisNodesOptions, startRedisNodes } from "./nodes.ts";
export { type RedisSentinel, type SentinelOptions, startSentinel } from "./sentinel.ts";
export { type RedisOptions, type RedisServer, type RestartOptions, startRedis } from "./single.ts";
