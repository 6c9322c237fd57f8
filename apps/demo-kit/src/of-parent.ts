import { DemoError } from "./errors.ts";

/** What a child process needs to find the nodes of a quorum. */
export function nodesEnv(nodes: readonly { readonly url: string }[]): Readonly<Record<"DEMO_NODES", string>> {
  return { DEMO_NODES: nodes.map(({ url }) => url).join(",") };
}

/**
 * The urls that the parent process passed to this one, by `nodesEnv`.
 * @throws DemoError when it was started by hand
 */
export function nodeUrlsOfParent(): string[] {
  return ofParent("DEMO_NODES").split(",");
}

/**
 * The url that the parent process passed to this one.
 * @throws DemoError when it was started by hand
 */
export function redisUrlOfParent(): string {
  return ofParent("REDIS_URL");
}

function ofParent(name: "DEMO_NODES" | "REDIS_URL"): string {
  const value = process.env[name];
  if (!value) throw new DemoError(`${name} is not set: this process is started by a demo, not by hand`);
  return value;
}
