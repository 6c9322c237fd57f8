import { fewOrMany, newestOrOlder } from "@lock/redis-harness/vitest";
import { libraries } from "../../support/clients.ts";
import { subscriberSuite } from "./suite.ts";

subscriberSuite(newestOrOlder(libraries), fewOrMany(30, 2_000));
