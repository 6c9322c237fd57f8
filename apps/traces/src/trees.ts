import type { Span } from "./otlp.ts";

/** A span in its tree. */
export interface Row {
  /** Counted from 1, over all trees. */
  readonly number: number;
  readonly span: Span;
  /** Drawn before its name. */
  readonly rail: string;
  /** Drawn before what is said of it in the next line. */
  readonly railBelow: string;
}

/** One trace, its first span first. */
export interface Tree {
  readonly trace: string;
  readonly rows: readonly Row[];
}

/** The traces of which a span has the lock's key, as one would search for in a tracing backend; the oldest first. */
export function treesOf(spans: readonly Span[], key: string): Tree[] {
  const oldest = spans.toSorted((a, b) => a.start - b.start || rankOf(a) - rankOf(b));
  const traces = new Set(oldest.map(({ trace }) => trace));
  const whole = [...traces].filter((trace) =>
    spans.some((span) => span.trace === trace && span.attributes["lock.key"] === key),
  );
  let number = 0;
  return whole.map((trace) => {
    const rows = rowsOf(oldest.filter((span) => span.trace === trace));
    return { trace, rows: rows.map((row) => ({ ...row, number: ++number })) };
  });
}

/** A span whose parent did not arrive stands as a first one: it is not left out. */
export function isRoot({ parent }: Span, spans: readonly Span[]): boolean {
  return !spans.some(({ id }) => id === parent);
}

/** Of what begins in the same millisecond, an acquire is before its lease, and a lease before the work with it. */
function rankOf({ name }: Span): number {
  const rank = ["lock.acquire", "lock.hold"].indexOf(name);
  return rank < 0 ? 2 : rank;
}

type Unnumbered = Omit<Row, "number">;

function rowsOf(spans: readonly Span[]): Unnumbered[] {
  const roots = spans.filter((span) => isRoot(span, spans));
  return roots.flatMap((span) => [{ span, rail: "", railBelow: "" }, ...rowsBelow(span, spans, "")]);
}

function rowsBelow({ id }: Span, spans: readonly Span[], rail: string): Unnumbered[] {
  const children = spans.filter(({ parent }) => parent === id);
  return children.flatMap((span, index) => {
    const isLast = index === children.length - 1;
    const railBelow = `${rail}${isLast ? "   " : "│  "}`;
    return [
      { span, rail: `${rail}${isLast ? "└─ " : "├─ "}`, railBelow },
      ...rowsBelow(span, spans, railBelow),
    ];
  });
}
