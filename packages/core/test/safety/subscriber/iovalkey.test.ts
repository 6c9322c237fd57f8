import { fewOrMany } from "@lock/redis-harness/vitest";
import { iovalkey } from "../../support/clients.ts";
import { subscriberSuite } from "./suite.ts";

subscriberSuite(iovalkey, fewOrMany(30, 2_000));
