import type { Locks } from "@lock/core";
import { type Parent, redisUrlOfParent, runWorker } from "@lock/demo-kit";
import { openLocks } from "@lock/demo-kit/clients";
import { instrument } from "@lock/otel";
import type { Answer, FromService, Request, Task, ToService } from "./messages.ts";
import { pay, writeInvoice, writeReceipt } from "./orders.ts";
import { startTelemetry } from "./telemetry.ts";

// One service process; crew.ts starts two.
await runWorker<ToService, FromService>(async (main) => {
  // crew.ts wrote it, with the same type.
  const { service, prefix, origin } = main.argument as Task;
  // The SDK would follow settings that are made for other programs.
  for (const name of Object.keys(process.env)) if (name.startsWith("OTEL_")) delete process.env[name];
  await using _telemetry = startTelemetry(service, origin);
  await using opened = openLocks(redisUrlOfParent(), { prefix, holder: service });
  instrument(opened.locks);
  opened.locks.on("waiting", ({ key }) => main.send({ kind: "waits", key }));
  await serve(main, (request) => answer(request, opened.locks, origin));
});

/** Answers requests, many at once, until the demo wants no more of them. */
function serve(
  main: Parent<ToService, FromService>,
  answerTo: (request: Request) => Promise<Answer>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    main.stop.addEventListener("abort", () => reject(main.stop.reason), { once: true });
    main.onMessage((message) => {
      if ("end" in message) return resolve();
      const { id, request } = message;
      answerTo(request).then((answer) => main.send({ kind: "answer", id, answer }), reject);
    });
    main.send({ kind: "ready" });
  });
}

function answer(request: Request, locks: Locks, origin: string): Promise<Answer> {
  switch (request.kind) {
    case "pay":
      return pay(locks, request.order, origin);
    case "receipt":
      return writeReceipt(locks, request.ticket);
    case "invoice":
      return writeInvoice(locks, request.order);
  }
}
