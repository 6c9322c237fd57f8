import { afterAll, beforeAll } from "vitest";
import { type PostgresServer, startPostgres } from "./postgres.ts";

/** The package may have to be installed first. */
const START_WITHIN_MS = 600_000;

/** One PostgreSQL for all tests of a file. */
export function usePostgres(): { readonly connectionString: string; readonly server: PostgresServer } {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await startPostgres();
  }, START_WITHIN_MS);
  afterAll(async () => {
    await server?.stop();
  });
  return {
    get server() {
      if (server === undefined) throw new Error("the server runs only within tests");
      return server;
    },
    get connectionString() {
      return this.server.connectionString;
    },
  };
}
