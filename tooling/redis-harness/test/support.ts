import { readdir, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RespFrames } from "../src/resp-frames.ts";

/** Whether the process exists and is not merely a zombie that nobody has reaped yet. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !/\) [ZX] /.test(stat);
}

/** The temp directory of a running server. */
export async function homeOf(server: { host: string; port: number }): Promise<string> {
  const [, data = ""] = (await ask(server, "CONFIG GET dir")).match(/\r\n(\/[^\r]+)\r\n$/) ?? [];
  return dirname(data);
}

/**
 * Resolves when a proxy in this process has read what was sent to it before. Opening and closing a connection
 * takes the event loop through several rounds of polling, and the first already reports the earlier bytes.
 */
export async function hasRead(proxy: { host: string; port: number }): Promise<void> {
  const wire = await Wire.open(proxy);
  await wire[Symbol.asyncDispose]();
}

/** Polls until the condition holds; bounded, for what has no event to wait for. */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await sleep(10);
  }
}

export async function exists(directory: string): Promise<boolean> {
  return readdir(directory).then(
    () => true,
    () => false,
  );
}

/** A raw RESP connection: what is sent and received is exactly what a test says. */
export class Wire implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #frames = new RespFrames();
  readonly #received: string[] = [];
  readonly #closed: Promise<void>;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received.push(...this.#frames.push(chunk).map(String));
      this.#wake();
    });
    socket.on("error", () => undefined);
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    void this.#closed.then(() => this.#wake());
  }

  static open(address: { host: string; port: number }): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address.host, port: address.port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Wire(socket)));
    });
  }

  /** Resolves when the other side has ended the connection. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  send(...commands: string[]): void {
    this.#socket.write(commands.map(encode).join(""));
  }

  /** The next value from the server, as RESP text, or "closed". */
  async next(): Promise<string> {
    while (this.#received.length === 0) {
      if (this.#socket.closed) return "closed";
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.shift() ?? "closed";
  }

  ask(command: string): Promise<string> {
    this.send(command);
    return this.next();
  }

  /** Whether the server stayed silent for the time. */
  async isSilentFor(ms: number): Promise<boolean> {
    const count = this.#received.length;
    await sleep(ms);
    return this.#received.length === count && !this.#socket.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }
}

/** One command over a connection of its own. */
export async function ask(address: { host: string; port: number }, command: string): Promise<string> {
  await using wire = await Wire.open(address);
  return await wire.ask(command);
}

function encode(command: string): string {
  const parts = command.split(" ");
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`;
}
