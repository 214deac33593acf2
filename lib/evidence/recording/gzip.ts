import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** The header that every member has: no name, no time, no system. Source: RFC 1952, 2.3. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
const TRAILER_BYTES = 8;
/** Source: RFC 1951, 3.2.4. */
const STORED_BYTES_MAX = 0xffff;

function member(body: Uint8Array, content: Uint8Array): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length % 2 ** 32, 4);
  return Buffer.concat([HEADER, body, trailer]);
}

/** A gzip member of its own. Several one after another are one gzip file. */
export function gzipMember(content: Uint8Array): Buffer {
  return member(deflateRawSync(content, { level: 9 }), content);
}

/**
 * A gzip member whose content stands in it as it is: every bit of it follows from the content, so that any other can be
 * told. @param content at most 65535 bytes
 */
export function storedMember(content: Uint8Array): Buffer {
  if (content.length > STORED_BYTES_MAX) throw new RangeError(`${content.length} bytes, more than ${STORED_BYTES_MAX}`);
  const head = Buffer.alloc(5);
  head.writeUInt8(1, 0);
  head.writeUInt16LE(content.length, 1);
  head.writeUInt16LE(~content.length & 0xffff, 3);
  return member(Buffer.concat([head, content]), content);
}

/** How many bytes a stored member of so much content has. */
export function storedMemberBytes(contentBytes: number): number {
  return HEADER.length + 5 + contentBytes + TRAILER_BYTES;
}

/** The content of a member. @returns undefined where it is damaged, or not one whole member @param maxBytes of content */
export function readMember(bytes: Uint8Array, maxBytes: number): Buffer | undefined {
  const found = nextMember(bytes, 0, maxBytes);
  return found?.bytes === bytes.length ? found.content : undefined;
}

/** The member that begins somewhere in a file, and how long it is. @returns undefined where none that is whole begins */
export function nextMember(
  file: Uint8Array,
  at: number,
  maxBytes: number,
): { content: Buffer; bytes: number } | undefined {
  const start = at + HEADER.length;
  if (file.length < start + TRAILER_BYTES || !HEADER.equals(file.subarray(at, start))) return undefined;
  try {
    const inflated = inflateRawSync(file.subarray(start), { info: true, maxOutputLength: maxBytes }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    const content = inflated.buffer;
    const end = start + inflated.engine.bytesWritten;
    const trailer = Buffer.from(file.subarray(end, end + TRAILER_BYTES));
    if (trailer.length < TRAILER_BYTES) return undefined;
    const whole = trailer.readUInt32LE(0) === crc32(content) && trailer.readUInt32LE(4) === content.length % 2 ** 32;
    return whole ? { content, bytes: end + TRAILER_BYTES - at } : undefined;
  } catch {
    return undefined; // Not deflate, or more than may be.
  }
}

/** What of a damaged member can be unpacked, which may be wrong from some byte on. @param maxBytes of content */
export function salvageMember(bytes: Uint8Array, maxBytes: number): Buffer {
  const body = bytes.subarray(HEADER.length);
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: maxBytes };
  const unpack = (length: number): Buffer | undefined => {
    try {
      return inflateRawSync(body.subarray(0, length), options);
    } catch {
      return undefined; // The damage is before this length.
    }
  };
  // What can be unpacked of a beginning can be unpacked of any shorter one.
  let [good, bad] = [0, body.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (unpack(middle) === undefined) bad = middle;
    else good = middle;
  }
  return unpack(good) ?? Buffer.alloc(0);
}

/** Does a file begin as every member does? */
export function beginsAsMember(file: Uint8Array): boolean {
  return file[0] === HEADER[0] && file[1] === HEADER[1];
}
