import { fewOrMany } from "@lock/redis-harness/vitest";
import { ioredis6 } from "../../support/clients.ts";
import { subscriberSuite } from "./suite.ts";

subscriberSuite(ioredis6, fewOrMany(30, 2_000));
