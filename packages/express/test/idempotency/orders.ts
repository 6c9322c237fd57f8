import type { Server } from "node:http";
import type { RequestHandler } from "express";
import { type IdempotentOptions, idempotent, inProcessRecords } from "../../src/idempotent.ts";
import { listen } from "../support/app.ts";
import { type ExpressMajor, expresses } from "../support/expresses.ts";
import type { LocksScene } from "../support/locks.ts";

interface Shop {
  /** Of order 7. */
  readonly url: string;
  readonly server: Server;
  /** How often the work was done. */
  done(): number;
}

/** Every major of Express with both forms of idempotent. */
export const forms = expresses.flatMap((major) => [
  { ...major, form: "wrapper" as const },
  { ...major, form: "middleware" as const },
]);

export const wrappers = forms.filter(({ form }) => form === "wrapper");

/** How the tests of a file open shops: apps whose route /orders/:id is idempotent. */
export function shopOn(scene: LocksScene) {
  return async function shop(
    { express, form }: ExpressMajor & { readonly form: "wrapper" | "middleware" },
    work: RequestHandler,
    options: Partial<IdempotentOptions> = {},
  ): Promise<Shop> {
    let done = 0;
    const handler: RequestHandler = (req, res, next) => {
      done += 1;
      return work(req, res, next);
    };
    const given = {
      locks: scene.locks,
      records: inProcessRecords(),
      tenant: (req: { headers: Record<string, unknown> }) => String(req.headers["x-tenant"] ?? ""),
      ...options,
    };
    const app = express();
    // Errors are expected, and Express would print them.
    app.set("env", "test");
    app.use(express.json(), express.text(), express.raw());
    const route = form === "wrapper" ? [idempotent(given, handler)] : [idempotent(given), handler];
    app.all("/orders/:id", ...route);
    const { url, server } = await listen(app);
    return { url: `${url}/orders/7`, server, done: () => done };
  };
}

let keys = 0;
export const newKey = () => `"${++keys}-8e03978e-40d5-43dd-bc93-6894a57f9324"`;

export const post = (
  key: string | undefined,
  body: unknown = { cents: 5 },
  more: Record<string, string> = {},
) => ({
  headers: {
    "content-type": "application/json",
    ...(key !== undefined && { "idempotency-key": key }),
    ...more,
  },
  body: JSON.stringify(body),
});

export const charge: RequestHandler = (req, res) => {
  res.status(201).set("x-charge", "1").cookie("session", "secret").json({ charged: req.body.cents });
};
