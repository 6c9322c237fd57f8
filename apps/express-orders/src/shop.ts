import { STATUS_CODES } from "node:http";
import { inlinePage } from "@lock/demo-kit";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { type Activity, watchAttempts } from "./activity.ts";
import { type ChargeOptions, chargeRoute } from "./charge.ts";
import type { Attempt, Place } from "./messages.ts";
import { isOrderId, orderOf } from "./orders.ts";

export interface ShopOptions extends ChargeOptions {
  /** All instances. */
  readonly places: readonly Place[];
  readonly activity: Activity;
  readonly tell: (attempt: Attempt) => void;
}

/** One instance of the shop. */
export function createShop({ name, ledger, locks, places, activity, tell }: ShopOptions): Express {
  const origins = places.map(({ origin }) => origin);
  const app = express();
  app.disable("x-powered-by");
  app.use(allowOrigins(origins));
  app.param("id", (_req, _res, next, id) => {
    next(isOrderId(id) ? undefined : httpError(400, "an order id has 1 to 64 visible characters"));
  });
  const { html, headers } = inlinePage(new URL("./page/", import.meta.url), "checkout", origins);
  app.get("/", (_req, res) => void res.set(headers).send(html));
  app.get("/instances", (_req, res) => {
    res.json({ lock: locks !== undefined, self: name, instances: places });
  });
  app.get("/activity", activity.stream);
  app.get("/orders/:id", (req, res) => {
    res.json(orderOf(req.params.id));
  });
  const watch = watchAttempts(name, locks, (attempt) => {
    activity.tell(attempt);
    tell(attempt);
  });
  app.post("/orders/:id/charge", watch, chargeRoute({ name, ledger, locks }));
  app.use((_req, _res, next) => next(httpError(404)));
  app.use(answerError);
  return app;
}

/** The pages of all instances may read our answers; the pages of anybody else may not even make us charge. */
function allowOrigins(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const { origin } = req.headers;
    res.vary("Origin");
    if (origin !== undefined && !origins.includes(origin)) {
      next(httpError(403, "this page may not use the shop"));
      return;
    }
    if (origin !== undefined) {
      res.set({ "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After" });
    }
    next();
  };
}

/** As http-errors makes them: Express, and the adapter for what it reports, do the same. */
function httpError(status: number, message?: string): Error {
  return Object.assign(new Error(message ?? STATUS_CODES[status]), { status, expose: true });
}

/** Express itself would answer with a page, and outside of production with the stack. */
const answerError: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  // Nobody is left to be told.
  if (res.closed) return;
  if (res.headersSent) {
    next(error);
    return;
  }
  const told: { status?: unknown; message?: unknown } = Object(error);
  const status = Number.isInteger(told.status) ? Number(told.status) : 500;
  const detail = status < 500 ? told.message : undefined;
  if (status === 500) console.error(error);
  res.status(status).type("application/problem+json");
  res.json({ type: "about:blank", title: STATUS_CODES[status], status, detail });
};
