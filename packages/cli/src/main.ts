#!/usr/bin/env node
import { EXIT } from "./exit-codes.ts";
import { asFailure, printFailure } from "./failure.ts";
import { main } from "./program.ts";

// `lock ls | head -1`: nobody reads on, so there is nothing left to do.
process.stdout.on("error", () => process.exit(EXIT.pipe));
process.stderr.on("error", () => undefined);

await main(process.argv.slice(2)).catch((error: unknown) => {
  const failure = asFailure(error);
  printFailure(failure, false);
  process.exitCode = failure.exitCode;
});
