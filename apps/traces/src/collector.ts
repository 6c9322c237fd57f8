import type { IncomingMessage, RequestListener } from "node:http";
import { type MetricsBody, type Point, pointsOf, type Span, spansOf, type TracesBody } from "./otlp.ts";

/** One series of a metric of a service, as it was at the end. */
export interface Series extends Point {
  /** The largest value that was exported. */
  readonly highest: number;
}

/** What the demo serves: a collector of spans and metrics, and the payment provider. */
export class Collector {
  readonly spans: Span[] = [];
  readonly #series = new Map<string, Series>();

  get series(): readonly Series[] {
    return [...this.#series.values()];
  }

  /** `charge` resolves when the payment provider has charged the order. */
  app(charge: (order: number) => Promise<unknown>): RequestListener {
    return (request, response) => {
      this.#answer(request, charge)
        .catch(() => 500)
        .then((status) => response.writeHead(status, { "Content-Type": "application/json" }).end("{}"));
    };
  }

  /** Resolves with the status of the answer. */
  async #answer(request: IncomingMessage, charge: (order: number) => Promise<unknown>): Promise<number> {
    const { url = "" } = request;
    if (url.startsWith("/charges/")) {
      await charge(Number(url.slice("/charges/".length)));
      return 200;
    }
    const body: unknown = JSON.parse(Buffer.concat(await request.toArray()).toString());
    // The exporters of our services wrote them.
    if (url === "/v1/traces") this.spans.push(...spansOf(body as TracesBody));
    else if (url === "/v1/metrics") for (const point of pointsOf(body as MetricsBody)) this.#keep(point);
    else return 404;
    return 200;
  }

  /** Values are totals since the service began: the last one says all. */
  #keep(point: Point): void {
    const name = JSON.stringify([point.service, point.metric, point.attributes]);
    const highest = Math.max(point.value, this.#series.get(name)?.highest ?? 0);
    this.#series.set(name, { ...point, highest });
  }
}
