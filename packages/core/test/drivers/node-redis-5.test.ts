import { libraries } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

for (const library of libraries) {
  if (library.name === "node-redis 5") runRedisSuites(library);
}
