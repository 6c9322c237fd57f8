import { ioredis5 } from "../../support/clients.ts";
import { serverFaultsSuite } from "./suite.ts";

serverFaultsSuite(ioredis5);
