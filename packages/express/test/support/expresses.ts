import express5 from "express";
import express4 from "express4";

/** The majors that are supported, by their name in tests. */
export const expresses = [
  { name: "Express 4", major: 4, express: express4 as unknown as typeof express5 },
  { name: "Express 5", major: 5, express: express5 },
] as const;

export type ExpressMajor = (typeof expresses)[number];
