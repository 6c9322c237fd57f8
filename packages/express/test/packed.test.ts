import { fileURLToPath } from "node:url";
import { packedSuite } from "@lock/packed-suite";

const root = fileURLToPath(new URL("..", import.meta.url));
const given = {
  root,
  ours: [fileURLToPath(new URL("../../core", import.meta.url))],
  alsoPacked: ["help"],
};
const others = { "@types/node": "@types/node", ioredis: "ioredis", redis: "redis" };

packedSuite({
  ...given,
  title: "with Express 4",
  installed: { ...others, express4: "express", "@types/express4": "@types/express" },
});
packedSuite({
  ...given,
  title: "with Express 5",
  installed: { ...others, express: "express", "@types/express": "@types/express" },
});
