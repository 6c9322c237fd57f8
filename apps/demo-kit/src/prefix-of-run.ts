import { randomBytes } from "node:crypto";

/** Of all keys of this run of a demo, which may share its Redis with other runs and with others. */
export function prefixOfRun(demo: string): string {
  return `${demo}-${randomBytes(4).toString("hex")}`;
}
