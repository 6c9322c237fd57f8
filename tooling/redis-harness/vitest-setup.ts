import { findRedisServer } from "./src/index.ts";

/** Finds (or installs) redis-server once, before test files ask for it in parallel. */
export default async function setup(): Promise<void> {
  await findRedisServer();
}
