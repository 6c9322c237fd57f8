import { warn } from "../contract/host.ts";

/** Tells of a mistake as a process warning; once for each code in the life of what it was made for. */
export type HelpWarning = (code: string, text: string, options?: { readonly once?: boolean }) => void;

/**
 * The warnings of one package: each code has a page `help/<code>.md` in it, which the warning names. With `once: false`
 * a warning is told each time.
 */
export function helpWarnings(packageName: string, type: string): HelpWarning {
  const told = new Set<string>();
  return (code, text, { once = true } = {}) => {
    if (once && told.has(code)) return;
    told.add(code);
    warn(text, { type, code, detail: `See ${packageName}/help/${code}.md` });
  };
}
