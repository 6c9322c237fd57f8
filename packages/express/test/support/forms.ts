import type { Express, RequestHandler } from "express";
import { type LockRouteOptions, lockRoute } from "../../src/index.ts";
import { type ExpressMajor, expresses } from "./expresses.ts";

/** One of the two ways in which a route is locked. */
export interface Form {
  readonly form: "wrapper" | "middleware";
  lock(options: LockRouteOptions, handler: RequestHandler): RequestHandler[];
}

const forms: readonly Form[] = [
  { form: "wrapper", lock: (options, handler) => [lockRoute(options, handler)] },
  { form: "middleware", lock: (options, handler) => [lockRoute(options), handler] },
];

/** Every major of Express with every form. */
export const combinations: readonly (ExpressMajor & Form)[] = expresses.flatMap((major) =>
  forms.map((form) => ({ ...major, ...form })),
);

/** An app with one route, POST /, that is locked. */
export function appOf(
  { express, lock }: ExpressMajor & Form,
  options: LockRouteOptions,
  handler: RequestHandler,
): Express {
  const app = express();
  // Errors are expected, and Express would print them.
  app.set("env", "test");
  app.all("/", ...lock(options, handler));
  return app;
}
