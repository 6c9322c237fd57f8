import { libraries } from "../support/clients.ts";
import { runRedisSuites } from "../support/suites.ts";

for (const library of libraries) {
  if (library.name === "ioredis 6") runRedisSuites(library);
}
