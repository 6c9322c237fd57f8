import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a child tells by itself. */
export interface ChildEvent {
  readonly event: "ready" | "lost" | "served" | "unhandled";
  readonly key: string;
  readonly index: number;
  /** The first 8 characters of the owner token. */
  readonly token: string;
  readonly reason: string;
  readonly fencingToken: number;
  /** Milliseconds since the epoch, by the monotonic clock of the child. */
  readonly at: number;
  readonly message: string;
}

type Message =
  | ChildEvent
  | { readonly id: number; readonly result?: unknown; readonly error?: { code: string; message: string } };

/** A process of its own that locks. */
export class Child {
  readonly events: ChildEvent[] = [];
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (message: Extract<Message, { id: number }>) => void>();
  #asked = 0;

  private constructor(url: string, library: "ioredis" | "node-redis") {
    const script = fileURLToPath(new URL("child.mjs", import.meta.url));
    this.#process = fork(script, [url, library], { execArgv: ["--expose-gc"] });
    this.#process.on("message", (message: Message) => {
      if ("event" in message) this.events.push(message);
      else this.#waiting.get(message.id)?.(message);
    });
  }

  static async start(url: string, library: "ioredis" | "node-redis"): Promise<Child> {
    const child = new Child(url, library);
    await once(child.#process, "message");
    return child;
  }

  /** Runs a command in the child and resolves with its result. */
  async ask(command: string, options: object = {}): Promise<unknown> {
    const id = this.#asked++;
    const answer = new Promise<Extract<Message, { id: number }>>((resolve) => this.#waiting.set(id, resolve));
    this.#process.send({ id, command, ...options });
    const { result, error } = await answer;
    if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code });
    return result;
  }

  signal(name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    this.#process.kill(name);
  }

  /** Resolves when the child has ended, killing it only if asked to. */
  async ended(kill = false): Promise<{ readonly code: number | null }> {
    if (kill) this.signal("SIGKILL");
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await once(this.#process, "exit");
    return { code: this.#process.exitCode };
  }
}
