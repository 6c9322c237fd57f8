import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A server behind a balancer; a `RedisServer` fits. */
export interface BalancerTarget {
  readonly host: string;
  readonly port: number;
}

/** One address for several servers. */
export interface Balancer extends AsyncDisposable {
  readonly url: string;
  /** Which server each new connection reaches, by its number from 0. */
  route(pick: (connection: number) => BalancerTarget): void;
  /** The connections that are open: their numbers. */
  open(): readonly number[];
  /** Nothing comes through a connection any more, and nobody is told: half open. */
  freeze(connection: number): void;
  /** Closes a connection. */
  cut(connection: number): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Starts a TCP balancer on 127.0.0.1; at first all connections reach `target`. */
export async function startBalancer(target: BalancerTarget): Promise<Balancer> {
  const pairs = new Map<number, Pair>();
  let made = 0;
  let pick: (connection: number) => BalancerTarget = () => target;
  const listening = createServer({ noDelay: true }, (client) => {
    const number = made++;
    const { host, port } = pick(number);
    const server = connect({ host, port, noDelay: true });
    const end = () => {
      pairs.delete(number);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    client.pipe(server).pipe(client);
    pairs.set(number, { client, server });
  });
  listening.listen({ host: "127.0.0.1", port: 0 });
  await once(listening, "listening");
  listening.unref();
  const address = listening.address();
  if (address === null || typeof address === "string") throw new Error("the balancer has no port");
  const cut = (number: number) => void pairs.get(number)?.client.destroy();
  return {
    url: `redis://127.0.0.1:${address.port}`,
    route: (to) => {
      pick = to;
    },
    open: () => [...pairs.keys()],
    freeze: (number) => {
      const { client, server } = pairs.get(number) ?? {};
      server?.unpipe();
      client?.unpipe();
      server?.resume();
      client?.resume();
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      listening.close();
      for (const number of [...pairs.keys()]) cut(number);
    },
  };
}
