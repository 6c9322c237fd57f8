import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { validate } from "@langchain/langgraph-checkpoint-validation";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { langgraphSaver } from "@lock/memory";
import { Redis } from "ioredis";

/** Runs LangGraph's validation suite on its MemorySaver: as it is, or locked. */
const { REDIS_URL = "", LOCKED } = process.env;
const redis = new Redis(REDIS_URL);
const locks = createLocks({ backend: ioredisBackend(redis) });

validate({
  checkpointerName: "MemorySaver",
  createCheckpointer: () => {
    const saver = new MemorySaver();
    return LOCKED ? langgraphSaver(saver, { locks }) : saver;
  },
  afterAll: async () => {
    await locks.close();
    redis.disconnect();
  },
});
