export { type Certificates, makeCertificates } from "./certificates.ts";
export { type FaultyProxy, type ProxyTarget, startFaultyProxy } from "./faulty-proxy.ts";
export { findRedisServer } from "./find-server.ts";
export { type RedisNodes, type RedisNodesOptions, startRedisNodes } from "./nodes.ts";
export { type RedisOptions, type RedisServer, type RestartOptions, startRedis } from "./single.ts";
