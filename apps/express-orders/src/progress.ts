import { print } from "@lock/demo-kit";
import type { OnProgress } from "./customers.ts";

/** How often a line is printed where there is no terminal. */
const PARTS = 4;

/** On a terminal one line that is drawn over, otherwise a line for each quarter. */
export function showProgress(orders: number, { stdout, env } = process): OnProgress {
  const text = (done: number, refused: number) =>
    `  ${String(done).padStart(String(orders).length)} of ${orders} orders paid, ${refused} requests refused so far`;
  if (stdout.isTTY === true && env.TERM !== "dumb") {
    return (done, refused) => {
      stdout.write(`\r${text(done, refused)}\u001b[K${done === orders ? "\n" : ""}`);
    };
  }
  let part = 0;
  return (done, refused) => {
    const reached = Math.floor((done * PARTS) / orders);
    if (reached > part) print(text(done, refused));
    part = reached;
  };
}
