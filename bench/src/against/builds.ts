import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { instrument } from "@lock/otel";
import { type Contestant, idOf } from "../contestants/contestant.ts";
import { type Build, oursOf } from "../contestants/ours.ts";

const HERE = fileURLToPath(new URL("../../..", import.meta.url));
const DIST = join("packages", "core", "dist");
const ENTRIES = ["index.js", "ioredis.js", "node-redis.js"] as const;

/** A build of `@lock/core`, and whether its locks are traced and measured by the `@lock/otel` of this checkout. */
export interface MeasuredBuild {
  readonly folder: string;
  readonly instrumented: boolean;
}

/** The folder of this checkout's build. */
export const thisFolder = join(HERE, DIST);

/**
 * The folder of another checkout's build.
 * @throws Error that says what to run, where there is none
 */
export async function folderOf(checkout: string): Promise<string> {
  const folder = join(resolve(checkout), DIST);
  try {
    await Promise.all(ENTRIES.map((entry) => access(join(folder, entry))));
  } catch {
    throw new Error(`${checkout} has no build. Run there: npx -y pnpm install && npx -y pnpm build`);
  }
  return folder;
}

/** `@lock/core` as it was built into the folder. */
export async function contestantOfBuild(
  { folder, instrumented }: MeasuredBuild,
  id: string,
): Promise<Contestant> {
  const load = (entry: (typeof ENTRIES)[number]) => import(pathToFileURL(join(folder, entry)).href);
  const [core, ioredis, nodeRedis] = await Promise.all(ENTRIES.map(load));
  const build: Build = { ...core, ...ioredis, ...nodeRedis };
  const found = Object.values(
    oursOf(build, instrumented ? (locks) => void instrument(locks) : undefined),
  ).find((contestant) => idOf(contestant) === id);
  if (found === undefined) throw new Error(`no contestant is called ${id}`);
  return found;
}
