import { nodeRedis6 } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

runRedisSuites(nodeRedis6);
