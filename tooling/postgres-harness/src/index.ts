export { findPostgres } from "./find-postgres.ts";
export { type PostgresServer, startPostgres } from "./postgres.ts";
