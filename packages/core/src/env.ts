export { type RedisEnv, type RedisNodeEnv, readRedisEnv } from "./env/read-redis-env.ts";
export type { RedisTls } from "./env/tls.ts";
export type { Environment } from "./env/variables.ts";
