import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DemoError } from "./errors.ts";

const HOST = "127.0.0.1";
const PORT_FAULTS: Partial<Record<string, string>> = {
  EADDRINUSE: "is taken",
  EACCES: "is for privileged users only",
};
/** A charge is over by then; a worker that is to end is given 1500 ms. */
const LAST_ANSWERS_MS = 1_000;

/** A port of ours, and what is served there. */
export class Site implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Listens on the port, or on any that is free.
   * @throws DemoError when it cannot be used
   */
  static async open(port = 0): Promise<Site> {
    const server = createServer();
    server.listen({ host: HOST, port });
    try {
      await once(server, "listening");
    } catch (error) {
      const { code }: { code?: unknown } = Object(error);
      const why = PORT_FAULTS[String(code)];
      throw why === undefined ? error : new DemoError(`port ${port} of ${HOST} ${why}; try another --port`);
    }
    return new Site(server);
  }

  get origin(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  serve(app: RequestListener): void {
    this.#server.on("request", (req, res) => {
      // A connection that was busy when the server was closed is not closed by itself.
      res.once("close", () => {
        if (!this.#server.listening) this.#server.closeIdleConnections();
      });
      app(req, res);
    });
  }

  /** Takes no more requests, and lets those that are being worked on come to their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    const timer = setTimeout(() => this.#server.closeAllConnections(), LAST_ANSWERS_MS);
    await closed;
    clearTimeout(timer);
  }
}
