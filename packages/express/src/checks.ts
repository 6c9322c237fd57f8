import type { Request, Response } from "express";
import type { LockRouteOptions, ValidateOptions } from "./options.ts";

/** What each check tells, by its name; `help/<code>.md` has a page for each. */
const TELLS = {
  mountedTwice: ["LOCK_ROUTE_MOUNTED_TWICE", "one request was asked to lock the same key twice"],
  tenant: ["LOCK_ROUTE_KEY_IGNORES_TENANT", "the requests of two tenants were given the same key"],
  wait: ["LOCK_ROUTE_WAIT_OUTLASTS_SERVER", "wait is longer than the server keeps an idle connection"],
  endReplaced: [
    "LOCK_ROUTE_END_REPLACED",
    "a middleware behind the lock replaced res.end and never ended the response",
  ],
} as const;

/** The name of a check. */
export type CheckName = keyof typeof TELLS;

const MOST_TENANT_KEYS = 1_000;

/** Checks for mistakes that show only while requests are served. Each is told once. */
export class Checks<P> {
  readonly #enabled: ValidateOptions<P>;
  readonly #told = new Set<CheckName>();
  readonly #tenants = new Map<string, string>();

  constructor(private readonly options: LockRouteOptions<P>) {
    const { validate = true } = options;
    const all = { mountedTwice: true, tenant: true, wait: true, endReplaced: true };
    this.#enabled = typeof validate === "object" ? { ...all, ...validate } : validate ? all : {};
  }

  /** Tells it, unless that was done, or is not wanted. */
  tell(name: CheckName): void {
    if (this.#enabled[name] !== true || this.#told.has(name)) return;
    this.#told.add(name);
    const [code, message] = TELLS[name];
    const detail = `See @lock/express/help/${code}.md; validate: { ${name}: false } turns this check off.`;
    process.emitWarning(`${message} (${code})`, { type: "LockRouteWarning", code, detail });
  }

  /** Looks at a request that is about to be locked. */
  request(req: Request<P>, keys: readonly string[]): void {
    const { wait = 0 } = this.options;
    // `timeout` is what closes a connection on which nothing happens, such as one that waits.
    const { server } = req.socket as { server?: { timeout?: number } };
    const timeout = server?.timeout ?? 0;
    if (timeout > 0 && (wait === "forever" || wait >= timeout)) this.tell("wait");
    const tenant = this.#enabled.tenantOf?.(req);
    if (tenant !== undefined) this.#rememberTenant(tenant, keys);
  }

  #rememberTenant(tenant: string, keys: readonly string[]): void {
    for (const key of keys) {
      if ((this.#tenants.get(key) ?? tenant) !== tenant) this.tell("tenant");
      if (this.#tenants.size < MOST_TENANT_KEYS) this.#tenants.set(key, tenant);
    }
  }

  /** Looks at a response whose client has left before it was ended. */
  abandoned(res: Response, end: Response["end"]): void {
    if (res.end !== end) this.tell("endReplaced");
  }
}
