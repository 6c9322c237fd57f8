import { newestOrOlder } from "@lock/redis-harness/vitest";
import { libraries } from "../../support/clients.ts";
import { serverFaultsSuite } from "./suite.ts";

serverFaultsSuite(newestOrOlder(libraries));
