/** A mistake of the person who runs the demo, or of their environment: shown as one message, without a stack. */
export class DemoError extends Error {
  override readonly name = "DemoError";
}
