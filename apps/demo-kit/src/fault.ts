/** What a worker process sends when it ends by a `DemoError`, which is then the error of the demo. */
interface Fault {
  readonly demoError: string;
}

export function faultOf(demoError: string): Fault {
  return { demoError };
}

export function isFault(message: unknown): message is Fault {
  return typeof message === "object" && message !== null && "demoError" in message;
}
