import { colours, print, printable } from "@lock/demo-kit";
import { type Frame, fingerprint, line, table } from "./table.ts";

export interface Screen {
  show(frame: Frame): void;
  /** Something that stays to be read. */
  say(text: string): void;
}

/** The widest line of the table; a line that is wrapped could not be drawn over. */
const WIDTH = 80;

/** On a terminal a table that is drawn in place, otherwise a line now and then. */
export function openScreen({ stdout, env } = process): Screen {
  // Some pseudo terminals say 0 when they do not know.
  const isWide = (stdout.columns || WIDTH) >= WIDTH;
  return stdout.isTTY === true && env.TERM !== "dumb" && isWide ? live() : log();
}

/** What is said goes above the table, which is drawn again below it. */
function live(): Screen {
  let drawn: string[] = [];
  const draw = (lines: readonly string[], above: readonly string[]) => {
    const up = drawn.length > 0 ? `\u001b[${drawn.length}A` : "";
    // Each line is cleared to its end, not the screen before it: that would flicker.
    print(up + [...above, ...lines].map((text) => `${text}\u001b[K`).join("\n"));
    drawn = [...lines];
  };
  return {
    show: (frame) => draw(table(frame), []),
    say: (text) => draw(drawn, [mark(text), ...(drawn.length > 0 ? [] : [""])]),
  };
}

function log(): Screen {
  let last: string | undefined;
  return {
    show: (frame) => {
      const now = fingerprint(frame);
      if (now !== last) print(line(frame));
      last = now;
    },
    say: (text) => print(mark(text)),
  };
}

function mark(text: string): string {
  return `${colours.yellow("     •")}  ${printable(text)}`;
}
