import type { OutgoingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, unzip } from "node:zlib";
import type { Response } from "express";
import { isChunk, replaceEnd } from "../response.ts";
import type { Answer, Outcome } from "./record.ts";

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
  #head: Pick<Answer, "status" | "headers" | "removed"> | undefined;
  /** What the middleware before us have set is theirs to set again. */
  readonly #before: OutgoingHttpHeaders;

  constructor(
    private readonly res: Response,
    private readonly limit: number,
  ) {
    this.#before = { ...res.getHeaders() };
    const { write, writeHead } = res;
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
        if (res.destroyed) capture.#takeHead();
        if (!capture.#ended) capture.#take(args);
        return Reflect.apply(write, res, args);
      },
    });
    replaceEnd(res, (args, passOn) => {
      const isFirst = !capture.#ended && isChunk(args[0]);
      if (isFirst) {
        // Else it is taken when it is written: middleware behind may have something to add.
        if (res.destroyed) capture.#takeHead();
        capture.#take(args);
        capture.#ended = true;
      }
      try {
        return passOn(args);
      } catch (error) {
        // Node refused it: somebody else will end it.
        if (isFirst) capture.#restart();
        throw error;
      }
    });
  }

  /** The status of the answer, once it has begun. */
  get status(): number | undefined {
    return this.#head?.status;
  }

  /** What is to be remembered of an answer that has begun; undefined of any other. */
  async outcome(): Promise<Outcome | undefined> {
    const head = this.#head;
    if (head === undefined) return undefined;
    if (!this.#ended) return { kind: "done", because: "cut-off" };
    const plain = this.#chunks && (await plainly(head, Buffer.concat(this.#chunks), this.limit));
    return plain ?? { kind: "done", because: "too-long" };
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
    const removed = Object.keys(this.#before).filter((name) => !this.res.hasHeader(name));
    this.#head = { status: this.res.statusCode, headers, removed };
  }

  #take([chunk, encoding]: unknown[]): void {
    const bytes = bytesOf(chunk, encoding);
    this.#bytes += bytes.length;
    if (this.#bytes > this.limit) this.#chunks = undefined;
    this.#chunks?.push(bytes);
  }
}

const [unzipped, brotliDecompressed] = [promisify(unzip), promisify(brotliDecompress)];

const UNZIPPED = ["gzip", "x-gzip", "deflate"];

/** Without its encoding: a retry may come from a client who does not know that. Undefined: then it is too long. */
async function plainly(
  head: Pick<Answer, "status" | "headers" | "removed">,
  body: Buffer,
  maxOutputLength: number,
): Promise<Answer | undefined> {
  const headers = head.headers.filter(([name]) => name !== "content-encoding");
  const encoding = String(head.headers.find((header) => !headers.includes(header))?.[1]);
  const isZipped = UNZIPPED.includes(encoding);
  if (!isZipped && encoding !== "br") return { kind: "answer", ...head, body: body.toString("base64") };
  try {
    const plain = await (isZipped ? unzipped : brotliDecompressed)(body, { maxOutputLength });
    return { kind: "answer", ...head, headers, body: plain.toString("base64") };
  } catch {
    return undefined;
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
