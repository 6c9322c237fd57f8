import type { Locks } from "@lock/core";
import { getLease } from "@lock/express";
import type { RequestHandler, Response } from "express";
import type { Attempt } from "./messages.ts";

type Tell = (attempt: Attempt) => void;

/** Tells of each request to charge once it was answered: by then its lease has been released. */
export function watchAttempts(
  name: string,
  locks: Locks | undefined,
  tell: Tell,
): RequestHandler<{ id: string }> {
  return (req, res, next) => {
    let held: number | undefined;
    const forget = locks?.on("released", (released) => {
      const lease = getLease(res);
      if (lease?.keys.includes(released.key) && lease.fencingToken === released.fencingToken) {
        held = released.held;
      }
    });
    res.once("close", () => {
      forget?.();
      const fence = getLease(res)?.fencingToken;
      const outcome = outcomeOf(res);
      tell({
        at: Date.now(),
        instance: name,
        order: req.params.id,
        outcome,
        status: res.statusCode,
        fence,
        held,
      });
    });
    next();
  };
}

function outcomeOf(res: Response): Attempt["outcome"] {
  if (res.statusCode === 409) return "refused";
  if (res.statusCode !== 200 || !res.writableFinished) return "failed";
  return res.locals.charged === true ? "charged" : "already charged";
}

/** How many of the last attempts a page is told when it opens. */
const RECENT = 20;
/** A page that does not read what it is told shall not fill our memory. */
const MOST_UNREAD_BYTES = 64 * 1_024;

/** Tells open pages of attempts, by server-sent events. */
export class Activity implements Disposable {
  readonly #pages = new Set<Response>();
  readonly #recent: { readonly id: number; readonly text: string }[] = [];
  #count = 0;

  tell(attempt: Attempt): void {
    const id = ++this.#count;
    const text = `id: ${id}\ndata: ${JSON.stringify(attempt)}\n\n`;
    this.#recent.push({ id, text });
    if (this.#recent.length > RECENT) this.#recent.shift();
    for (const page of this.#pages) {
      if (page.writableLength > MOST_UNREAD_BYTES) page.destroy();
      else page.write(text);
    }
  }

  readonly stream: RequestHandler = (req, res) => {
    // A page that lost its connection tells what it had last.
    const last = Number(req.get("Last-Event-ID") ?? 0);
    res.set({ "Content-Type": "text/event-stream", "Cache-Control": "no-store", Connection: "close" });
    res.flushHeaders();
    for (const { id, text } of this.#recent) if (id > last) res.write(text);
    this.#pages.add(res);
    res.once("close", () => this.#pages.delete(res));
  };

  /** Such an answer never ends by itself, and a server waits for all of its answers. */
  [Symbol.dispose](): void {
    for (const page of this.#pages) page.end();
  }
}
