import { randomFillSync } from "node:crypto";

const BYTES = 16;
const pool = Buffer.alloc(BYTES * 256);
let used = pool.length;

/** A new owner token: 128 random bits, so that nobody can guess it. Drawn from a pool, since asking is slow. */
export function newOwnerToken(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.toString("base64url", used - BYTES, used);
}
