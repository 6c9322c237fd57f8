export { DemoError } from "./errors.ts";
export { columnsOf, fit, pad } from "./fit.ts";
export { type Parent, runWorker } from "./in-worker.ts";
export { type Library, libraryOf } from "./library.ts";
export { machineTime } from "./machine-time.ts";
export { nodesEnv, nodeUrlsOfParent, redisUrlOfParent } from "./of-parent.ts";
export { parseOptions, readPort, readWhole } from "./options.ts";
export { orStop } from "./or-stop.ts";
export { type InlinePage, inlinePage } from "./page.ts";
export { prefixOfRun } from "./prefix-of-run.ts";
export { type DemoRedis, demoRedis } from "./redis.ts";
export { runDemo } from "./run-demo.ts";
export { Site } from "./site.ts";
export { type Column, Table } from "./table.ts";
export {
  colours,
  type Paint,
  paintOf,
  print,
  printable,
  printError,
  printProse,
  printWhole,
  quoted,
} from "./terminal.ts";
export { count, found, sayVerdict } from "./verdict.ts";
export { Worker, type WorkerOptions } from "./worker.ts";
