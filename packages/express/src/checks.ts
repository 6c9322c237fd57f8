import type { Request } from "express";
import type { CheckName, LockRouteOptions, ValidateOptions } from "./options.ts";
import { warn } from "./warn.ts";

/** What each check tells, by its name. Its code is LOCK_ROUTE_ and the name, and `help/<code>.md` is its page. */
const TELLS = {
  mountedTwice: "one request locks a key twice",
  keyIgnoresTenant: "two tenants have the same key",
  waitOutlastsServer: "the server closes connections before wait is over",
  endIsWrapped: "the key is released before a middleware in front has done its work",
} as const satisfies Record<CheckName, string>;

const MOST_TENANT_KEYS = 1_000;

/** Checks for mistakes that show only while requests are served. Each is told once. */
export class Checks<P> {
  readonly #wanted: ValidateOptions<P>;
  readonly #told = new Set<CheckName>();
  readonly #tenants = new Map<string, string>();

  constructor(private readonly options: LockRouteOptions<P>) {
    this.#wanted = Object(options.validate);
  }

  /** Tells it, unless that was done, or is not wanted. */
  tell(name: CheckName): void {
    if (this.#wanted[name] === false || this.#told.has(name)) return;
    this.#told.add(name);
    const code = `LOCK_ROUTE_${name.replace(/[A-Z]/g, "_$&").toUpperCase()}`;
    warn(code, TELLS[name], { once: false });
  }

  /** Looks at a request that is about to be locked. */
  request(req: Request<P>, keys: readonly string[]): void {
    const { wait = 0 } = this.options;
    // `timeout` is what closes a connection on which nothing happens, such as one that waits.
    const { server } = req.socket as { server?: { timeout?: number } };
    const timeout = server?.timeout ?? 0;
    if (timeout > 0 && (wait === "forever" || wait >= timeout)) this.tell("waitOutlastsServer");
    const tenant = this.#wanted.tenantOf?.(req);
    if (tenant !== undefined) this.#rememberTenant(tenant, keys);
  }

  #rememberTenant(tenant: string, keys: readonly string[]): void {
    for (const key of keys) {
      if ((this.#tenants.get(key) ?? tenant) !== tenant) this.tell("keyIgnoresTenant");
      if (this.#tenants.size < MOST_TENANT_KEYS) this.#tenants.set(key, tenant);
    }
  }
}
