import { type Attributes, context, metrics, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

/** Often enough to see a wait of half a second. In production, a minute is usual. */
const EXPORT_EVERY_MS = 100;

/** Sends the spans and metrics of this process to a collector, by OTLP over HTTP. */
export function startTelemetry(service: string, collector: string): AsyncDisposable {
  const resource = resourceFromAttributes({ "service.name": service });
  const spans = new OTLPTraceExporter({ url: `${collector}/v1/traces` });
  const tracers = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(spans)] });
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${collector}/v1/metrics` }),
    exportIntervalMillis: EXPORT_EVERY_MS,
  });
  const meters = new MeterProvider({ resource, readers: [reader] });
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);
  // Without these two, a span has no parent, and a ticket no trace.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return {
    // Both send what they still have.
    [Symbol.asyncDispose]: async () => void (await Promise.all([tracers.shutdown(), meters.shutdown()])),
  };
}

/** Does work within a span, which is the parent of all spans that begin in it. */
export function traced<T>(name: string, work: () => Promise<T>, attributes: Attributes = {}): Promise<T> {
  return trace.getTracer("shop").startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
