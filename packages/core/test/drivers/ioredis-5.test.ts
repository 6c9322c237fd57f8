import { ioredis5 } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

runRedisSuites(ioredis5);
