import { nodeRedis6 } from "../../support/clients.ts";
import { serverFaultsSuite } from "./suite.ts";

serverFaultsSuite(nodeRedis6);
