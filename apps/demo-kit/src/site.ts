import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A charge is over by then; a worker that is to end is given 1500 ms. */
const LAST_ANSWERS_MS = 1_000;

/** A port of ours, and what is served there. */
export class Site implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on any free port. */
  static async open(): Promise<Site> {
    const server = createServer();
    server.listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
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
