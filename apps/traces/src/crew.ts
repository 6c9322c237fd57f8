import { DemoError, Worker } from "@lock/demo-kit";
import {
  type Answer,
  type FromService,
  type Request,
  SERVICES,
  type ServiceName,
  type Task,
  type ToService,
} from "./messages.ts";

type Service = Worker<ToService, FromService>;
type Settings = Pick<Task, "prefix" | "origin"> & { readonly env: Readonly<Record<string, string>> };

/** The two services, and what they are asked. */
export class Crew implements AsyncDisposable {
  readonly #services = new Map<ServiceName, Service>();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #waiters = new Map<string, () => void>();
  #asked = 0;

  /** Resolves when both services take requests. */
  async start(settings: Settings): Promise<void> {
    await this.during(Promise.all(SERVICES.map((service) => this.#start(service, settings))));
  }

  ask(service: ServiceName, request: Request): Promise<Answer> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#services.get(service)?.send({ id, request });
    });
  }

  /** Resolves when a service tells that it waits for the key. */
  waits(key: string): Promise<void> {
    return new Promise((resolve) => this.#waiters.set(key, resolve));
  }

  /** Rejects when a service ends before the work does. */
  during<T>(work: Promise<T>): Promise<T> {
    const ends = [...this.#services].map(async ([name, service]) => {
      await service.finished;
      throw new DemoError(`${name} ended too early`);
    });
    return Promise.race([work, ...ends]);
  }

  /** Resolves when both have sent their last spans and metrics, and ended. */
  async end(): Promise<void> {
    for (const service of this.#services.values()) service.send({ end: true });
    await Promise.all([...this.#services.values()].map(({ finished }) => finished));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service[Symbol.asyncDispose]()));
  }

  #start(service: ServiceName, { env, ...places }: Settings): Promise<void> {
    return new Promise((resolve) => {
      const worker = new Worker<ToService, FromService>({
        name: service,
        script: new URL("../dist/service.js", import.meta.url),
        argument: { service, ...places } satisfies Task,
        env,
        onMessage: (message) => (message.kind === "ready" ? resolve() : this.#hear(message)),
      });
      this.#services.set(service, worker);
    });
  }

  #hear(message: Exclude<FromService, { kind: "ready" }>): void {
    if (message.kind === "waits") {
      this.#waiters.get(message.key)?.();
      return;
    }
    this.#answers.get(message.id)?.(message.answer);
    this.#answers.delete(message.id);
  }
}
