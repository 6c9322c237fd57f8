import { fileURLToPath } from "node:url";
import { packedSuite } from "@lock/packed-suite";

const root = fileURLToPath(new URL("..", import.meta.url));
const given = { root, ours: [fileURLToPath(new URL("../../core", import.meta.url))], alsoPacked: ["help"] };
const others = { "@types/node": "@types/node", ioredis: "ioredis" };

packedSuite({ ...given, title: "with BullMQ 5", installed: { ...others, bullmq5: "bullmq" } });
packedSuite({ ...given, title: "with BullMQ 6", installed: { ...others, bullmq: "bullmq" } });
