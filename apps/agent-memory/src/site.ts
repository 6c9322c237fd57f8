import type { RequestListener, ServerResponse } from "node:http";
import { inlinePage } from "@lock/demo-kit";
import type { LiveState } from "./live.ts";

/** A page that does not read what it is told shall not fill our memory. */
const MOST_UNREAD_BYTES = 256 * 1_024;

/** The page, and what it is told by server-sent events: the state, whenever it has changed. */
export class Pages implements Disposable {
  readonly #open = new Set<ServerResponse>();
  #last = "";

  tell(state: LiveState): void {
    const text = `data: ${JSON.stringify(state)}\n\n`;
    if (text === this.#last) return;
    this.#last = text;
    for (const page of this.#open) {
      if (page.writableLength > MOST_UNREAD_BYTES) page.destroy();
      else page.write(text);
    }
  }

  listener(origin: string): RequestListener {
    const { html, headers } = inlinePage(new URL("./page/", import.meta.url), "agents", [origin]);
    return (req, res) => {
      if (req.method !== "GET") res.writeHead(405).end();
      else if (req.url === "/") res.writeHead(200, headers).end(html);
      else if (req.url === "/events") this.#stream(res);
      else res.writeHead(404).end();
    };
  }

  #stream(res: ServerResponse): void {
    res.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      Connection: "close",
    });
    res.write(this.#last);
    this.#open.add(res);
    res.once("close", () => this.#open.delete(res));
  }

  /** Such an answer never ends by itself, and a server waits for all of its answers. */
  [Symbol.dispose](): void {
    for (const page of this.#open) page.end();
  }
}
