export { DemoError } from "./errors.ts";
export { type Parent, runWorker } from "./in-worker.ts";
export { parseOptions, readWhole } from "./options.ts";
export { orStop } from "./or-stop.ts";
export { type DemoRedis, demoRedis, redisUrlOfParent } from "./redis.ts";
export { runDemo } from "./run-demo.ts";
export { colours, type Paint, paintOf, print, printable, quoted } from "./terminal.ts";
export { Worker, type WorkerOptions } from "./worker.ts";
