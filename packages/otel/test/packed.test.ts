import { fileURLToPath } from "node:url";
import { packedSuite } from "@lock/packed-suite";

packedSuite({
  root: fileURLToPath(new URL("..", import.meta.url)),
  ours: [fileURLToPath(new URL("../../core", import.meta.url))],
  installed: {
    "@types/node": "@types/node",
    "@opentelemetry/api": "@opentelemetry/api",
    ioredis: "ioredis",
  },
});
