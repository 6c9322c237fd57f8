import { fewOrMany } from "@lock/redis-harness/vitest";
import { nodeRedis5 } from "../../support/clients.ts";
import { subscriberSuite } from "./suite.ts";

subscriberSuite(nodeRedis5, fewOrMany(30, 2_000));
