import { iovalkey } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

runRedisSuites(iovalkey);
