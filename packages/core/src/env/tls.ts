import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { LockUsageError } from "../contract/errors.ts";
import { show } from "../contract/show.ts";
import { type Environment, textOf, wrong } from "./variables.ts";

/** How to trust a server, and how to be trusted by it: PEM texts, as `tls.connect` takes them. */
export interface RedisTls {
  /** Who may have signed the server's certificate. Default: those whom Node trusts. */
  readonly ca?: string;
  /** This client's own certificate, for servers that ask for one. */
  readonly cert?: string;
  readonly key?: string;
}

const FILES = { ca: "REDIS_TLS_CA_FILE", cert: "REDIS_TLS_CERT_FILE", key: "REDIS_TLS_KEY_FILE" } as const;

/** Reads the files that the variables name. @throws LockUsageError */
export function readTls(env: Environment): RedisTls {
  const [ca, cert, key] = [readPem(env, FILES.ca), readPem(env, FILES.cert), readPem(env, FILES.key)];
  if ((cert === undefined) !== (key === undefined)) {
    const [set, missing] = cert === undefined ? [FILES.key, FILES.cert] : [FILES.cert, FILES.key];
    throw new LockUsageError(
      `${missing} must be set because ${set} is set: a certificate and its key belong together`,
    );
  }
  if (cert !== undefined && key !== undefined) checkPair(cert, key);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

/** Files that nobody will look at are a mistake: the connection would not be encrypted. @throws LockUsageError */
export function checkNoTls(env: Environment): void {
  const set = Object.values(FILES).find((variable) => textOf(env, variable) !== undefined);
  if (set === undefined) return;
  throw new LockUsageError(`${set} is set, but no node uses TLS: set REDIS_TLS=true, or use rediss:// urls`);
}

function readPem(env: Environment, variable: string): string | undefined {
  const file = textOf(env, variable);
  if (file === undefined) return undefined;
  const allowed = "a file in PEM format that can be read";
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw wrong(variable, allowed, `${show(file)} (${code})`);
  }
  if (!text.includes("-----BEGIN "))
    throw wrong(variable, allowed, `${show(file)}, which is not in PEM format`);
  return text;
}

function checkPair(cert: string, key: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new LockUsageError(`${FILES.cert} and ${FILES.key} must be a certificate and its key: ${said}`);
  }
}
