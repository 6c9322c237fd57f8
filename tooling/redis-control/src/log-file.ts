import { open, stat } from "node:fs/promises";

/** More of a line's worth is not read back: a log may be large. */
const BYTES_PER_LINE = 400;

/** The last lines of a file; "" where there is none. */
export async function tail(path: string, lines: number): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const length = Math.min(size, lines * BYTES_PER_LINE);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n").slice(-lines).join("\n");
  } finally {
    await file.close();
  }
}

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** The whole lines that a file has from a position on, and where they end. */
export async function linesFrom(path: string, position: number): Promise<{ text: string; end: number }> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = Math.max(0, size - position);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    const whole = buffer.subarray(0, bytesRead).lastIndexOf("\n") + 1;
    return { text: buffer.toString("utf8", 0, whole), end: position + whole };
  } finally {
    await file.close();
  }
}
