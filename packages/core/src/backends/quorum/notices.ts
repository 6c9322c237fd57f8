import type { NoticeListener, QuorumNode } from "../../contract/backend.ts";
import { randomText } from "../../contract/host.ts";

/** Each notice comes in once from every node: so many of the last ones are remembered. */
const REMEMBERED = 1_000;

/** Notices by way of all nodes: whoever hears one of them hears a notice. */
export class QuorumNotices {
  constructor(private readonly nodes: readonly QuorumNode[]) {}

  async notify(prefix: string, notice: string): Promise<void> {
    const text = `${randomText(9)} ${notice}`;
    // One that heard it is enough.
    await Promise.any(this.nodes.map((node) => node.notify(prefix, text))).catch((error: AggregateError) => {
      throw error.errors[0];
    });
  }

  async hear(prefix: string, listener: NoticeListener): Promise<() => void> {
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
    const hearing = this.nodes.map((node) => node.hearNotices(prefix, hear));
    // Those that are away are heard when they come back.
    await Promise.any(hearing);
    return () => {
      isOver = true;
      for (const each of hearing) each.then((stop) => stop()).catch(() => undefined);
    };
  }
}
