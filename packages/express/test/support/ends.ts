import type { RequestHandler, Response } from "express";
import session from "express-session";
import winston from "express-winston";
import { createLogger, transports } from "winston";

/** What a middleware has to do in its own `end`. */
export type Work = (res: Response) => Promise<void>;

/** A middleware that does work in its own `end`, each in another way. */
export interface EndingMiddleware {
  readonly name: string;
  /** Whether what it does is done when `end` returns. */
  readonly isSync?: boolean;
  make(work: Work): RequestHandler;
}

type End = Response["end"];

const call = (end: End, res: Response, args: readonly unknown[]) => Reflect.apply(end, res, args);

/** Saves sessions in a store that takes its time. */
function sessions(work: Work): RequestHandler {
  const responses = new Map<string, Response>();
  class Store extends session.MemoryStore {
    override set(id: string, data: session.SessionData, done?: (error?: unknown) => void) {
      const res = responses.get(id);
      const working = res === undefined ? Promise.resolve() : work(res);
      void working.then(() => super.set(id, data, done));
    }
  }
  const save = session({ secret: "test", resave: true, saveUninitialized: true, store: new Store() });
  return (req, res, next) => {
    save(req, res, () => {
      responses.set(req.sessionID, res);
      next();
    });
  };
}

/** Writes to its log behind the end, and does not wait for that. */
function logs(work: Work): RequestHandler {
  return winston.logger({
    winstonInstance: createLogger({ silent: true, transports: [new transports.Console()] }),
    dynamicMeta: (_req, res) => {
      void work(res as Response);
      return {};
    },
  });
}

/** Commits before it passes the end on. */
function commits(work: Work): RequestHandler {
  return (_req, res, next) => {
    const { end } = res;
    res.end = ((...args: unknown[]) => {
      void work(res).then(() => call(end, res, args));
      return res;
    }) as End;
    next();
  };
}

/** Passes the end on, and goes on behind it: its promise tells when that is done. */
function audits(work: Work): RequestHandler {
  return (_req, res, next) => {
    const { end } = res;
    res.end = (async (...args: unknown[]) => {
      call(end, res, args);
      await work(res);
    }) as unknown as End;
    next();
  };
}

/** Keeps the body to itself until it has another one. */
function rewrites(work: Work): RequestHandler {
  return (_req, res, next) => {
    const { end } = res;
    const chunks: Buffer[] = [];
    res.write = ((chunk: Buffer) => chunks.push(Buffer.from(chunk)) > 0) as Response["write"];
    res.end = ((chunk?: Buffer) => {
      if (chunk) chunks.push(Buffer.from(chunk));
      res.removeHeader("content-length");
      void work(res).then(() => call(end, res, [Buffer.concat(chunks)]));
    }) as unknown as End;
    next();
  };
}

export const endingMiddlewares: readonly EndingMiddleware[] = [
  { name: "express-session", make: sessions },
  { name: "express-winston", isSync: true, make: logs },
  { name: "a transaction that is committed first", make: commits },
  { name: "a record that is written behind the end", make: audits },
  { name: "a body that is written anew", make: rewrites },
];
