import { iovalkey } from "../../support/clients.ts";
import { serverFaultsSuite } from "./suite.ts";

serverFaultsSuite(iovalkey);
