const CRLF = "\r\n";
const BULK = "$=!";
const AGGREGATE = "*~>";
const PAIRS = "%|";

/** Cuts a RESP stream, in either direction, into its complete top-level values. */
export class RespFrames {
  /** The bytes of a value that is not complete yet. */
  rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = frameEnd(bytes, start);
      if (end === undefined) break;
      frames.push(bytes.subarray(start, end));
      start = end;
    }
    this.rest = bytes.subarray(start);
    return frames;
  }
}

/** Whether a frame is about pub/sub: a (un)subscribe request, its confirmation, or a message. */
export function isPubSub(frame: Buffer): boolean {
  return /^[*>]\d+\r\n\$\d+\r\n(?:[ps]?(?:un)?subscribe|[ps]?message)\r\n/i.test(headOf(frame));
}

/** Whether a frame is a message that was published to a subscribed channel. */
export function isMessage(frame: Buffer): boolean {
  return /^[*>]\d+\r\n\$\d+\r\n[ps]?message\r\n/i.test(headOf(frame));
}

/** Whether a frame came on the server's initiative (RESP3 push) and answers no request. */
export function isPush(frame: Buffer): boolean {
  return frame[0] === 0x3e;
}

function headOf(frame: Buffer): string {
  return frame.toString("latin1", 0, 48);
}

function frameEnd(bytes: Buffer, start: number): number | undefined {
  let position = start;
  for (let values = 1; values > 0; values--) {
    const lineEnd = bytes.indexOf(CRLF, position);
    if (lineEnd === -1) return undefined;
    const type = bytes.toString("latin1", position, position + 1);
    const size = Number(bytes.toString("latin1", position + 1, lineEnd));
    position = lineEnd + CRLF.length;
    // A null ($-1, *-1) is its line alone.
    if (!(size >= 0)) continue;
    if (BULK.includes(type)) position += size + CRLF.length;
    else if (AGGREGATE.includes(type)) values += size;
    else if (PAIRS.includes(type)) values += 2 * size;
    // An attribute goes before the value that it describes.
    if (type === "|") values++;
  }
  return position <= bytes.length ? position : undefined;
}
