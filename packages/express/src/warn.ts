const told = new Set<string>();

/** Tells of a mistake as a process warning whose code has a page in `help/`; once, unless said otherwise. */
export function warn(code: string, text: string, { once = true } = {}): void {
  if (once && told.has(code)) return;
  told.add(code);
  process.emitWarning(text, { type: "LockRouteWarning", code, detail: `See @lock/express/help/${code}.md` });
}
