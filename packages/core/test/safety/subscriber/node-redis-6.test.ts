import { fewOrMany } from "@lock/redis-harness/vitest";
import { nodeRedis6 } from "../../support/clients.ts";
import { subscriberSuite } from "./suite.ts";

subscriberSuite(nodeRedis6, fewOrMany(30, 2_000));
