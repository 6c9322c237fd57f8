import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ClientName, Contestant } from "./contestant.ts";

/** By which the processes of a run know the file. */
const FILE = "LOCK_BENCH_BESIDE";

/** What a module of the user has to offer to be measured beside ours: any lock. */
interface Module {
  readonly name: string;
  /** Which client it runs on; it is compared with what runs on the same. Default: "ioredis 5". */
  readonly client?: ClientName;
  make(port: number): Promise<Lock> | Lock;
}

interface Lock {
  acquire(key: string): Promise<{ release(): Promise<unknown> }>;
  close?(): unknown;
}

/** Has this process and those that it starts measure the module in the file. */
export function takeBeside(file: string): void {
  process.env[FILE] = resolve(process.env.INIT_CWD ?? "", file);
}

/** The contestants of the module, if there is one: its default export, or a list of them. @throws Error that says what it has to be */
export async function besideContestants(): Promise<readonly Contestant[]> {
  const file = process.env[FILE];
  if (file === undefined) return [];
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  const given = [module.default ?? module].flat() as Partial<Module>[];
  return given.map(({ name, client = "ioredis 5", make }) => {
    if (typeof name !== "string" || typeof make !== "function") {
      throw new Error(`--beside takes a module with { name, make(port) }: ${basename(file)} has none`);
    }
    const open = async (url: string) => {
      const lock = await make(Number(new URL(url).port));
      return {
        acquire: async (key: string) => {
          const lease = await lock.acquire(key);
          return () => lease.release();
        },
        close: async () => void (await lock.close?.()),
      };
    };
    return { name, family: "beside", client, settings: basename(file), open };
  });
}
