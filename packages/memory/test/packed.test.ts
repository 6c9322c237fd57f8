import { fileURLToPath } from "node:url";
import { packedSuite } from "@lock/packed-suite";

packedSuite({
  root: fileURLToPath(new URL("..", import.meta.url)),
  ours: [fileURLToPath(new URL("../../core", import.meta.url))],
  alsoPacked: ["help"],
  installed: {
    "@langchain/core": "@langchain/core",
    "@langchain/langgraph-checkpoint": "@langchain/langgraph-checkpoint",
    "@openai/agents-core": "@openai/agents-core",
    "@types/node": "@types/node",
    ioredis: "ioredis",
    redis: "redis",
  },
});
