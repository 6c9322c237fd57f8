import { ioredis6 } from "../../support/clients.ts";
import { serverFaultsSuite } from "./suite.ts";

serverFaultsSuite(ioredis6);
