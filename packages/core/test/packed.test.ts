import { fileURLToPath } from "node:url";
import { packedSuite } from "@lock/packed-suite";

const peers = ["ioredis", "ioredis5", "iovalkey", "redis", "redis5", "@types/node"];

packedSuite({
  root: fileURLToPath(new URL("..", import.meta.url)),
  installed: Object.fromEntries(peers.map((name) => [name, name])),
});
