import { onTestFinished } from "vitest";

export type Warning = Error & { readonly code?: string };

/** Resolves with the first warning of this process that is the one meant: files share processes, and so their warnings. */
export function warned(isMeant: (warning: Warning) => boolean): Promise<Warning> {
  return new Promise((resolve) => {
    const hear = (warning: Warning) => {
      if (isMeant(warning)) resolve(warning);
    };
    process.on("warning", hear);
    onTestFinished(() => void process.off("warning", hear));
  });
}
