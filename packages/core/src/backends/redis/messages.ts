import { EventEmitter } from "node:events";
import type { MessageListener, Messages } from "../../contract/messages.ts";

const MARK = "message ";

/** What messages travel by. */
interface Transport {
  publish(channel: string, text: string): Promise<unknown>;
  /** Hears the channel from now on. Resolves when what is published there comes in, also where it cannot. */
  listen(channel: string, prefix: string): Promise<void>;
  /** Somebody who listened does no longer. */
  ended(): void;
}

/** Messages by pub/sub, for which the waiters of this process listen, too. */
export class RedisMessages implements Messages {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  constructor(private readonly transport: Transport) {}

  async tell(prefix: string, message: string): Promise<void> {
    // A driver does not say on which channel a text came in: so it carries its prefix, which holds no space.
    await this.transport.publish(channelOf(prefix), `${MARK}${prefix} ${message}`);
  }

  async hear(prefix: string, listener: MessageListener): Promise<() => void> {
    const event = MARK + prefix;
    this.#emitter.on(event, listener);
    await this.transport.listen(channelOf(prefix), prefix);
    return () => {
      this.#emitter.off(event, listener);
      this.transport.ended();
    };
  }

  /** Whether somebody in this process listens. */
  get isHeard(): boolean {
    return this.#emitter.eventNames().length > 0;
  }

  /** Passes a text on. Whether it was a message. */
  receive(text: string): boolean {
    if (!text.startsWith(MARK)) return false;
    const end = text.indexOf(" ", MARK.length);
    if (end > 0) this.#emitter.emit(text.slice(0, end), text.slice(end + 1));
    return true;
  }
}

/** On which the messages of a prefix travel, to all processes that hear them. */
function channelOf(prefix: string): string {
  return `${prefix}:messages`;
}
