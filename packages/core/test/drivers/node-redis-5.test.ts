import { nodeRedis5 } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

runRedisSuites(nodeRedis5);
runRedisSuites(nodeRedis5, { protocol: 3 });
