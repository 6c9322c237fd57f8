import { EventEmitter } from "node:events";
import type { NoticeListener } from "../../contract/backend.ts";

const MARK = "notice ";

/** On which the notices of a prefix travel, to all processes that hear them. */
export function noticeChannel(prefix: string): string {
  return `${prefix}:notices`;
}

/** A driver does not say on which channel a message came in: so it carries its prefix, which holds no space. */
export function writeNotice(prefix: string, notice: string): string {
  return `${MARK}${prefix} ${notice}`;
}

/** Who hears notices in this process. */
export class Notices {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  add(prefix: string, listener: NoticeListener): () => void {
    const event = MARK + prefix;
    this.#emitter.on(event, listener);
    return () => void this.#emitter.off(event, listener);
  }

  /** Whether there are any. */
  get isHeard(): boolean {
    return this.#emitter.eventNames().length > 0;
  }

  /** Whether the message was a notice. */
  message(text: string): boolean {
    if (!text.startsWith(MARK)) return false;
    const end = text.indexOf(" ", MARK.length);
    if (end > 0) this.#emitter.emit(text.slice(0, end), text.slice(end + 1));
    return true;
  }
}
