/** What arrives by OTLP over HTTP, as JSON, as far as it is used. */
interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number | boolean>>;
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Attribute[];
  readonly links?: readonly { readonly spanId: string }[];
}

interface OtlpPoint {
  readonly attributes?: readonly Attribute[];
  /** Of a counter. */
  readonly asInt?: number | string;
  readonly asDouble?: number;
  /** Of a histogram. */
  readonly count?: number | string;
  readonly min?: number;
  readonly max?: number;
  readonly bucketCounts?: readonly (number | string)[];
  readonly explicitBounds?: readonly number[];
}

interface OtlpMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[] };
}

interface Resource {
  readonly resource: { readonly attributes: readonly Attribute[] };
}

export interface TracesBody {
  readonly resourceSpans: readonly (Resource & {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  })[];
}

export interface MetricsBody {
  readonly resourceMetrics: readonly (Resource & {
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  })[];
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span of a service. Times are milliseconds since the Unix epoch. */
export interface Span {
  readonly service: string;
  readonly trace: string;
  readonly id: string;
  readonly parent: string | undefined;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  /** The ids of spans. */
  readonly links: readonly string[];
}

/** What a service said of one series of a metric at one time. */
export interface Point {
  readonly service: string;
  readonly metric: string;
  readonly attributes: Attributes;
  /** The value of a counter; of a histogram, how many values it has. */
  readonly value: number;
  /** Undefined for a counter. */
  readonly histogram: Histogram | undefined;
}

/** In the unit of the metric. */
export interface Histogram {
  readonly least: number;
  readonly most: number;
  /** One more than bounds. */
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
}

export function spansOf({ resourceSpans }: TracesBody): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(serviceOf(resource), span))),
  );
}

export function pointsOf({ resourceMetrics }: MetricsBody): Point[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap((metric) => readMetric(serviceOf(resource), metric)),
    ),
  );
}

function readSpan(service: string, span: OtlpSpan): Span {
  return {
    service,
    trace: span.traceId,
    id: span.spanId,
    parent: span.parentSpanId || undefined,
    name: span.name,
    start: millis(span.startTimeUnixNano),
    end: millis(span.endTimeUnixNano),
    attributes: readAttributes(span.attributes),
    links: (span.links ?? []).map(({ spanId }) => spanId),
  };
}

function readMetric(service: string, { name, sum, histogram }: OtlpMetric): Point[] {
  const points = [...(sum?.dataPoints ?? []), ...(histogram?.dataPoints ?? [])];
  return points.map((point) => ({
    service,
    metric: name,
    attributes: readAttributes(point.attributes),
    value: Number(point.count ?? point.asInt ?? point.asDouble ?? 0),
    histogram: readHistogram(point),
  }));
}

function readHistogram({ bucketCounts, explicitBounds, min, max }: OtlpPoint): Histogram | undefined {
  if (bucketCounts === undefined) return undefined;
  return {
    least: min ?? 0,
    most: max ?? 0,
    counts: bucketCounts.map(Number),
    bounds: explicitBounds ?? [],
  };
}

function readAttributes(attributes: readonly Attribute[] = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0] ?? ""]));
}

function serviceOf({ attributes }: Resource["resource"]): string {
  return String(readAttributes(attributes)["service.name"] ?? "");
}

/** Nanoseconds since the epoch have more digits than a number. */
function millis(nanos: string): number {
  return Number(BigInt(nanos) / 1_000n) / 1_000;
}
