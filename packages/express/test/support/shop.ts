import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a process of the shop tells of itself. */
export interface ShopState {
  /** Handlers that ran beside another one of the same key. */
  readonly overlaps: number;
  readonly ran: number;
  /** Handlers that did not end the answer of a client who had left. */
  readonly forgotten: number;
  readonly connections: number;
  /** Open sockets of the whole process. */
  readonly sockets: number;
  /** Who listens to the end of the youngest connection. */
  readonly listeners: number;
}

export interface ShopProcess {
  readonly url: string;
  readonly port: number;
  state(): Promise<ShopState>;
  stop(): Promise<void>;
}

/** Starts `shop.mjs` with a major of Express and a form of the lock. */
export async function startShop(
  redis: string,
  major: "4" | "5",
  form: "wrapper" | "middleware",
): Promise<ShopProcess> {
  const script = fileURLToPath(new URL("./shop.mjs", import.meta.url));
  const child: ChildProcess = fork(script, [redis, major, form], { execArgv: [] });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    state: async () => {
      const answer = once(child, "message");
      child.send("state");
      return ((await answer) as [ShopState])[0];
    },
    stop: async () => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
