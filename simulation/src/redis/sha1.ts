import { createHash } from "node:crypto";

const known = new Map<string, string>();

/** Of a script; kept, since there are few of them. */
export function sha1(source: string): string {
  const sha = known.get(source) ?? createHash("sha1").update(source, "latin1").digest("hex");
  if (known.size < 1_000) known.set(source, sha);
  return sha;
}
