import { parentPort, workerData } from "node:worker_threads";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { lockMemory } from "@lock/memory";
import { Redis } from "ioredis";

/** Waits for a session, to interrupt whoever holds it; its thread is ended meanwhile, connections and all. */
const { url, sessionId } = workerData;
const locks = createLocks({ backend: ioredisBackend(new Redis(url)) });
const memory = lockMemory(
  { read: async () => 1 },
  { locks, sessionId, methods: { read: ["read"] }, wait: "forever" },
);
parentPort?.once("message", () => memory.withTurn(() => undefined, { onConcurrentTurn: "interrupt" }));
