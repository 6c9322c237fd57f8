import { ioredis6 } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

runRedisSuites(ioredis6);
