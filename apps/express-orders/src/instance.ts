import { type Parent, redisUrlOfParent, runWorker, Site } from "@lock/demo-kit";
import { openLocks } from "@lock/demo-kit/clients";
import { Activity } from "./activity.ts";
import { Ledger } from "./ledger.ts";
import { type FromShop, nameOf, type Task, type ToShop } from "./messages.ts";
import { createShop } from "./shop.ts";

type Main = Parent<ToShop, FromShop>;

// One instance of the shop; instances.ts starts two.
await runWorker<ToShop, FromShop>(async (main) => {
  // instances.ts wrote it, with the same type.
  const { instance, port, ledger, prefix } = main.argument as Task;
  const name = nameOf(instance);
  await using opened =
    prefix === undefined ? undefined : openLocks(redisUrlOfParent(), { prefix, holder: name });
  await using site = await Site.open(port);
  using activity = new Activity();
  main.send({ kind: "listening", place: { name, origin: site.origin, pid: process.pid } });
  const { places } = await main.next();
  const shop = createShop({
    name,
    ledger: new Ledger(ledger),
    locks: opened?.locks,
    places,
    activity,
    tell: (attempt) => main.send({ kind: "attempt", attempt }),
  });
  site.serve(shop);
  main.send({ kind: "open" });
  await stopped(main);
});

function stopped({ stop }: Main): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
}
