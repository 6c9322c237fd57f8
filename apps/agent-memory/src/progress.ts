import { colours, print } from "@lock/demo-kit";

/** How often a line is printed where there is no terminal. */
const PARTS = 4;

/** What is shown while turns are taken. */
export interface Progress {
  done(saved: number): void;
  /** A line of its own. */
  readonly say: (text: string) => void;
}

/** On a terminal one line that is drawn over, otherwise a line for each quarter. */
export function showProgress(turns: number, { stdout, env } = process): Progress {
  const text = (saved: number) => `  ${String(saved).padStart(String(turns).length)} of ${turns} turns saved`;
  const isLive = stdout.isTTY === true && env.TERM !== "dumb";
  let part = 0;
  return {
    done: (saved) => {
      const reached = Math.floor((saved * PARTS) / turns);
      if (isLive) stdout.write(`\r${text(saved)}\u001b[K${saved === turns ? "\n" : ""}`);
      else if (reached > part) print(text(saved));
      part = reached;
    },
    say: (line) => {
      if (isLive) stdout.write("\r\u001b[K");
      print(`  ${colours.yellow("●")} ${line}`);
    },
  };
}
