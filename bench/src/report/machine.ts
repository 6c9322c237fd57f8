import { readFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import type { Redis } from "ioredis5";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core, over the last minute before the run: more than a few tenths is noise. */
  readonly load: number;
  readonly node: string;
  readonly redis: string;
  /** Versions by the name in `dependencies` of this package. */
  readonly packages: Readonly<Record<string, string>>;
}

export async function describeMachine(control: Redis): Promise<Machine> {
  const [first, ...rest] = cpus();
  const server = await control.info("server");
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: rest.length + 1,
    load: loadavg()[0] ?? Number.NaN,
    node: process.version,
    redis: /^redis_version:(\S+)/m.exec(server)?.[1] ?? "unknown",
    packages: await installedVersions(),
  };
}

async function installedVersions(): Promise<Record<string, string>> {
  const { dependencies } = await readManifest("../../package.json");
  const names = Object.keys(dependencies ?? {}).filter((name) => !name.startsWith("@lock/"));
  const versions = names.map(async (name) => {
    const { version = "unknown" } = await readManifest(`../../node_modules/${name}/package.json`);
    return [name, version];
  });
  return Object.fromEntries(await Promise.all(versions));
}

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(new URL(path, import.meta.url), "utf8"));
}
