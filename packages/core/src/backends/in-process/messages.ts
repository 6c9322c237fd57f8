import { EventEmitter } from "node:events";
import type { MessageListener, Messages } from "../../contract/messages.ts";

export class InProcessMessages implements Messages {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  async tell(prefix: string, message: string): Promise<void> {
    // As over a network: never within the call of whoever tells it.
    queueMicrotask(() => this.#emitter.emit(eventOf(prefix), message));
  }

  async hear(prefix: string, listener: MessageListener): Promise<() => void> {
    this.#emitter.on(eventOf(prefix), listener);
    return () => void this.#emitter.off(eventOf(prefix), listener);
  }
}

/** An emitter has a meaning of its own for "error", which is a prefix as good as any. */
function eventOf(prefix: string): string {
  return `message ${prefix}`;
}
