import express5, { type Express } from "express";
import express4 from "express4";

/** The majors that are supported, by their name in tests. */
export const expresses = [
  { name: "Express 4", major: 4, express: express4 as unknown as typeof express5, isNewest: false },
  { name: "Express 5", major: 5, express: express5, isNewest: true },
] as const;

/** An app that does not print the errors that a test expects. */
export function quiet(express: ExpressMajor["express"]): Express {
  const app = express();
  app.set("env", "test");
  return app;
}

export type ExpressMajor = (typeof expresses)[number];
