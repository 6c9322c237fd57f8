import type { Library } from "@lock/demo-kit";

export const STYLES = ["acquire", "using"] as const;

/** What a writer process has to do. */
export interface Task {
  readonly writer: number;
  readonly file: string;
  readonly turns: number;
  /** Undefined: it writes without the lock. */
  readonly lock: { readonly client: Library; readonly style: (typeof STYLES)[number] } | undefined;
}

/** What a writer process tells while it takes its turns. `at` is in milliseconds of the machine's monotonic clock. */
export type WriterEvent = { readonly writer: number; readonly at: number } & (
  | { readonly kind: "reads" }
  | { readonly kind: "waits"; readonly holder: string | undefined }
  | { readonly kind: "holds"; readonly fence: number; readonly waited: number }
  | { readonly kind: "wrote"; readonly line: number }
  | { readonly kind: "released"; readonly outcome: string; readonly held: number }
);

export type FromWriter = { readonly kind: "ready" } | WriterEvent;
export type ToWriter = { readonly kind: "go" };

export function nameOf(writer: number): string {
  return `writer-${writer}`;
}
