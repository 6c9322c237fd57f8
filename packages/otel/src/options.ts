import { type Meter, metrics, type Tracer, trace } from "@opentelemetry/api";

/** Options of `instrument` and `instrumentJobs`. */
export interface InstrumentOptions {
  /** Makes the spans. Default: of the global tracer provider. */
  readonly tracer?: Tracer;
  /** Makes the metrics. Default: of the global meter provider. */
  readonly meter?: Meter;
  /**
   * What metrics say in the place of a key: few different texts, such as "order" for "order:42". Default: the part before
   * the first ":" or digit. Of more than 200 different ones, the rest are told as "other".
   */
  readonly keyOf?: (key: string) => string;
}

/** The options, with what is used where they say nothing. */
export interface Instrumentation {
  readonly tracer: Tracer;
  readonly meter: Meter;
  readonly keyOf: (key: string) => string;
}

const NAME = "@lock/otel";
const MOST_KEYS = 200;
const ALL: readonly (keyof InstrumentOptions)[] = ["tracer", "meter", "keyOf"];
const NEEDED = { tracer: "startSpan", meter: "createHistogram" } as const;

/** The options of the function `caller`, which has those that are `known`. @throws TypeError for wrong options */
export function readOptions(
  caller: string,
  options: InstrumentOptions = {},
  known: readonly string[] = ALL,
): Instrumentation {
  const unknown = Object.keys(Object(options)).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${caller} has no option ${JSON.stringify(unknown)}; it has ${known.join(", ")}`);
  }
  const { tracer = trace.getTracer(NAME), meter = metrics.getMeter(NAME), keyOf = beforeDigits } = options;
  for (const [name, value] of Object.entries({ tracer, meter })) {
    const method = NEEDED[name as keyof typeof NEEDED];
    if (typeof Object(value)[method] !== "function") {
      throw new TypeError(`${name} must be of @opentelemetry/api, with the method ${method}`);
    }
  }
  if (typeof keyOf !== "function") throw new TypeError(`keyOf must be a function, got ${typeof keyOf}`);
  return { tracer, meter, keyOf: fewOf(keyOf) };
}

/** The part of a key before its first ":" or digit. */
function beforeDigits(key: string): string {
  return /^[^:\d]*/.exec(key)?.[0] || "other";
}

/** Each different text is a time series for ever: a mistake in `keyOf` must not fill the store of metrics. */
function fewOf(keyOf: (key: string) => string): (key: string) => string {
  const seen = new Set<string>();
  return (key) => {
    const told = String(keyOf(key));
    if (seen.has(told)) return told;
    if (seen.size >= MOST_KEYS) return "other";
    seen.add(told);
    return told;
  };
}
