import type { OutgoingHttpHeaders } from "node:http";
import type { Response } from "express";
import { isChunk } from "../response.ts";

/** An answer that can be given again. */
export interface Recorded {
  readonly fingerprint: string;
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[];
  /** Base64; null where it was too long to be kept. */
  readonly body: string | null;
}

/** Of the connection or of the moment; and cookies, which are no part of an answer that is kept for a day. */
const NOT_KEPT = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "retry-after",
  "set-cookie",
  "transfer-encoding",
]);

/** Listens to an answer while it is given. */
export class Capture {
  #chunks: Buffer[] | undefined = [];
  #bytes = 0;
  #ended = false;
  #head: Pick<Recorded, "status" | "headers"> | undefined;
  /** What the middleware before us have set is theirs to set again. */
  readonly #before: OutgoingHttpHeaders;

  constructor(
    private readonly res: Response,
    private readonly limit: number,
  ) {
    this.#before = { ...res.getHeaders() };
    const { write, end, writeHead } = res;
    const capture = this;
    Object.assign(res, {
      writeHead(status: number, ...rest: unknown[]) {
        const message = rest.filter((part) => typeof part === "string");
        setAll(res, rest.at(-1));
        res.statusCode = status;
        capture.#takeHead();
        return Reflect.apply(writeHead, res, [status, ...message]);
      },
      write(...args: unknown[]) {
        capture.#take(args);
        return Reflect.apply(write, res, args);
      },
      end(...args: unknown[]) {
        const isFirst = !capture.#ended && isChunk(args[0]);
        if (isFirst) {
          capture.#takeHead();
          capture.#take(args);
          capture.#ended = true;
        }
        try {
          return Reflect.apply(end, res, args);
        } catch (error) {
          // Node refused it: somebody else will end it.
          if (isFirst) capture.#restart();
          throw error;
        }
      },
    });
  }

  /** The answer, once it has been given to its end. */
  recorded(fingerprint: string): Recorded | undefined {
    if (!this.#ended || this.#head === undefined) return undefined;
    const body = this.#chunks === undefined ? null : Buffer.concat(this.#chunks).toString("base64");
    return { fingerprint, ...this.#head, body };
  }

  #restart(): void {
    this.#ended = false;
    this.#head = undefined;
    this.#chunks?.pop();
  }

  #takeHead(): void {
    if (this.#head !== undefined) return;
    const headers = Object.entries(this.res.getHeaders()).flatMap(([name, value]) => {
      const isNew = String(value) !== String(this.#before[name]);
      if (value === undefined || !isNew || NOT_KEPT.has(name)) return [];
      return [[name, Array.isArray(value) ? value : String(value)] as const];
    });
    this.#head = { status: this.res.statusCode, headers };
  }

  #take([chunk, encoding]: unknown[]): void {
    const bytes = bytesOf(chunk, encoding);
    this.#bytes += bytes.length;
    if (this.#bytes > this.limit) this.#chunks = undefined;
    this.#chunks?.push(bytes);
  }
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  if (typeof chunk !== "string") return Buffer.alloc(0);
  return Buffer.from(chunk, typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8");
}

/** Headers that are passed to `writeHead` are not seen by `getHeaders`. Lists may name one more than once. */
function setAll(res: Response, headers: unknown): void {
  if (Array.isArray(headers)) {
    const pairs = headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]]] : []));
    for (const [name] of pairs) res.removeHeader(name);
    for (const [name, value] of pairs) res.appendHeader(name, value);
  } else if (typeof headers === "object" && headers !== null) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
  }
}
