import { fewOrMany } from "@lock/redis-harness/vitest";
import { ioredis5 } from "../../support/clients.ts";
import { subscriberSuite } from "./suite.ts";

subscriberSuite(ioredis5, fewOrMany(30, 2_000));
