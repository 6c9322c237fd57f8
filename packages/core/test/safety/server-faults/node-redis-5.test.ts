import { nodeRedis5 } from "../../support/clients.ts";
import { serverFaultsSuite } from "./suite.ts";

serverFaultsSuite(nodeRedis5);
