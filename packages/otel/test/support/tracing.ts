import { context, propagation, type Tracer, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** The real SDK, which keeps spans in memory. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Ended spans of that name, oldest first. */
  spans(name: string): readonly ReadableSpan[];
  /** Runs work within a span. */
  within<T>(name: string, work: () => T): T;
  clear(): void;
}

/** For a test file: context manager and propagator are global. */
export function startTracing(): Tracing {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const tracer = provider.getTracer("test");
  return {
    tracer,
    spans: (name) => exporter.getFinishedSpans().filter((span) => span.name === name),
    within(name, work) {
      const span = tracer.startSpan(name);
      const result = context.with(trace.setSpan(context.active(), span), work);
      void Promise.resolve(result)
        .catch(() => undefined)
        .then(() => span.end());
      return result;
    },
    clear: () => exporter.reset(),
  };
}
