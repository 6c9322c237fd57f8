import { randomText } from "./host.ts";

/** A new owner token: 128 random bits, so that nobody can guess it. */
export function newOwnerToken(): string {
  return randomText(16);
}
