import type { NodeBackend } from "../../contract/backend.ts";
import { randomText } from "../../contract/host.ts";
import type { MessageListener, Messages } from "../../contract/messages.ts";

/** Each message comes in once from every node: so many of the last ones are remembered. */
const REMEMBERED = 1_000;

/** Messages by way of all nodes: one node is enough to hear them. */
export class QuorumMessages implements Messages {
  constructor(private readonly nodes: readonly NodeBackend[]) {}

  async tell(prefix: string, message: string): Promise<void> {
    const text = `${randomText(9)} ${message}`;
    // One that heard it is enough.
    await Promise.any(this.nodes.map((node) => node.messages.tell(prefix, text))).catch(
      (error: AggregateError) => {
        throw error.errors[0];
      },
    );
  }

  async hear(prefix: string, listener: MessageListener): Promise<() => void> {
    const heard = new Set<string>();
    let isOver = false;
    const hear = (text: string) => {
      const end = text.indexOf(" ");
      const id = text.slice(0, end);
      if (isOver || heard.has(id)) return;
      heard.add(id);
      const [oldest] = heard;
      if (heard.size > REMEMBERED && oldest !== undefined) heard.delete(oldest);
      listener(text.slice(end + 1));
    };
    const hearing = this.nodes.map((node) => node.messages.hear(prefix, hear));
    // Those that are away are heard when they come back.
    await Promise.any(hearing);
    return () => {
      isOver = true;
      for (const each of hearing) each.then((stop) => stop()).catch(() => undefined);
    };
  }
}
