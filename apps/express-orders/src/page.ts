import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RequestHandler } from "express";

/** The checkout page in one piece. The policy lets it run its own script only, and talk to the instances only. */
export function checkoutPage(origins: readonly string[]): RequestHandler {
  const script = read(new URL("./page/checkout.js", import.meta.url));
  const style = read(new URL("./page/checkout.css", import.meta.url));
  const page = read(new URL("./page/checkout.html", import.meta.url))
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
  return (_req, res) => {
    res.set({
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
      "Cache-Control": "no-store",
    });
    res.type("html").send(page);
  };
}

function read(file: URL): string {
  return readFileSync(file, "utf8");
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
