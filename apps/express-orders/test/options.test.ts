import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

describe("the options", () => {
  it("are 200 orders with the lock when nothing is said", () => {
    const options = { lock: true, orders: 200, keep: false, serve: false, port: 0, minutes: 10, help: false };
    expect(readOptions([])).toEqual(options);
    expect(readOptions(["--serve", "--minutes", "3", "--port", "65534", "--no-lock"])).toEqual({
      ...options,
      lock: false,
      serve: true,
      port: 65_534,
      minutes: 3,
    });
  });

  it.each([
    [["--orders", "0"], "--orders must be a whole number from 1 to 1000"],
    [["--orders", "1001"], "--orders must be a whole number from 1 to 1000"],
    [["--orders", "many\u001b"], 'got "many\\u{1b}"'],
    [["--serve", "--minutes", "61"], "--minutes must be a whole number from 1 to 60"],
    [["--serve", "--port", "0"], "--port must be a whole number from 1 to 65534"],
    [["--serve", "--port", "65535"], "--port must be a whole number from 1 to 65534"],
    [["--serve", "--port", "80 80"], 'got "80 80"'],
    [["--port", "8080"], "--port is for --serve only"],
    [["--minutes", "5"], "--minutes is for --serve only"],
    [["--serve", "--orders", "5"], "--orders is not for --serve"],
    [["--lock"], "pnpm demo express-orders --help"],
  ])("must not be %j", (argv, message) => {
    expect(() => readOptions(argv)).toThrow(message);
  });
});
