import { redisQuorumSuites } from "../support/quorum-suites.ts";

redisQuorumSuites(3);
