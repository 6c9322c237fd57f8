const told = new Set<string>();

/** Tells it once in a process. `help/<code>.md` is its page. */
export function warnOnce(code: string, text: string): void {
  if (told.has(code)) return;
  told.add(code);
  process.emitWarning(text, { type: "LockMemoryWarning", code, detail: `See @lock/memory/help/${code}.md` });
}
