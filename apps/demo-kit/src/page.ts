import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A page, and the headers that it is to be served with. */
export interface InlinePage {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A page in one piece, of `<name>.html`, `<name>.css` and `<name>.js` in a directory. The policy lets it run its own script
 * only, and talk to those origins only.
 */
export function inlinePage(directory: URL, name: string, origins: readonly string[]): InlinePage {
  const read = (kind: string) => readFileSync(new URL(`${name}.${kind}`, directory), "utf8");
  const [script, style] = [read("js"), read("css")];
  const html = read("html")
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    `connect-src ${origins.join(" ")}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return {
    html,
    headers: {
      "Content-Security-Policy": policy,
      "Content-Type": "text/html; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
      "Cache-Control": "no-store",
    },
  };
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
