/** The client libraries that the locks work with. */
const LIBRARIES = ["ioredis", "node-redis"] as const;

export type Library = (typeof LIBRARIES)[number];

/** Of the process with this number, counted from 1: they take turns, and keep each other out all the same. */
export function libraryOf(number: number): Library {
  return LIBRARIES[(number - 1) % LIBRARIES.length] ?? LIBRARIES[0];
}
