import { campaign, openWasmoon } from "@lock/simulation";

const STEP = 50;

// Runs in a copy with a fault in it: tells the first seed up to the given one whose history fails, as one line of JSON.
const to = Number(process.argv[2]);
const vm = await openWasmoon();
for (let from = 1; from <= to; from += STEP) {
  const { failed } = await campaign({ vm, from, to: Math.min(to, from + STEP - 1) });
  const [first] = failed;
  if (first === undefined) continue;
  console.log(JSON.stringify(first));
  break;
}
