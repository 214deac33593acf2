import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { LineSplitter } from '../lines.ts';

/**
 * What the guest and the harness say to each other on a serial port of the guest, one line a frame:
 *
 *     @snp1 <type> <sequence> <bytes> <base64 of the payload, or -> <first 16 hex of SHA-256>
 *
 * The checksum is over `<type> <sequence> <base64 or ->`, without a newline, so that a shell can make it. Whatever else
 * is on the line, the kernel's words for example, is noise. The guest says `ready`, `dmesg` once it can, `certs` and
 * `report` or `error` to each `nonce`, and after `end` it says `off`. The longest payload, a certificate table of as many
 * bytes as Linux lets a provider give (TSM_REPORT_OUTBLOB_MAX), fits into one line.
 */
export const FRAME_TYPES = {
  /** Guest: it runs. JSON of readySchema. */
  ready: { least: 2, most: 4096 },
  /** Guest: what its kernel said of SEV, SNP and CPUID, in lines. */
  dmesg: { least: 0, most: 16_384 },
  /** Harness: REPORT_DATA to ask the firmware for. */
  nonce: { least: 64, most: 64 },
  /** Guest: the certificate table that comes with the report after it; empty where the host gave none. */
  certs: { least: 0, most: 32_768 },
  /** Guest: an ATTESTATION_REPORT. */
  report: { least: 1184, most: 1184 },
  /** Guest: why there is no report, in words. */
  error: { least: 0, most: 4096 },
  /** Harness: there is no more to ask. */
  end: { least: 0, most: 0 },
  /** Guest: it is about to power off. */
  off: { least: 0, most: 0 },
} as const satisfies Record<string, { least: number; most: number }>;

export type FrameType = keyof typeof FRAME_TYPES;

/** One frame. */
export interface Frame {
  type: FrameType;
  /** 0 to 999 999 999. Of `certs`, `report` and `error` that of the nonce that they answer; else counted by each side. */
  sequence: number;
  /** Bytes; as many as FRAME_TYPES allows. */
  payload: Uint8Array;
}

/** What a decoder found: a frame, or a line that claims to be one and is not. */
export type Decoded = { kind: 'frame'; frame: Frame } | { kind: 'error'; error: HarnessError };

const MARK = '@snp1 ';
const MAX_LINE_BYTES = 64 * 1024;
const BODY = /^([a-z]+) (0|[1-9]\d{0,8}) (0|[1-9]\d{0,8}) (-|[A-Za-z0-9+/]+={0,2}) ([0-9a-f]{16})$/;

/** What a guest says of itself when it is up. */
const readySchema = z.object({
  /** Version of the agent. */
  agent: z.string().max(100),
  /** Release of the guest's kernel. */
  kernel: z.string().max(200).optional(),
});
export type Ready = z.infer<typeof readySchema>;

function checksum(type: string, sequence: string, text: string): string {
  return createHash('sha256').update(`${type} ${sequence} ${text}`, 'latin1').digest('hex').slice(0, 16);
}

/**
 * Writes one frame as a line with its newline.
 * @throws HarnessError GUEST_PROTOCOL when the payload or the sequence does not fit
 */
export function encodeFrame(frame: Frame): string {
  const { type, sequence, payload } = frame;
  const fault = payloadFault(type, payload.length);
  if (fault !== undefined || !Number.isSafeInteger(sequence) || sequence < 0 || sequence > 999_999_999) {
    throw protocolError(fault ?? `sequence ${sequence} is not from 0 to 999999999`);
  }
  const text = payload.length === 0 ? '-' : Buffer.from(payload).toString('base64');
  return `${MARK}${type} ${sequence} ${payload.length} ${text} ${checksum(type, String(sequence), text)}\n`;
}

/**
 * Reads what a guest says of itself.
 * @param payload of a `ready` frame   @throws HarnessError GUEST_PROTOCOL
 */
export function parseReady(payload: Uint8Array): Ready {
  const text = new TextDecoder().decode(payload);
  try {
    return readySchema.parse(JSON.parse(text));
  } catch (cause) {
    throw protocolError(`the guest announced itself with ${JSON.stringify(text.slice(0, 200))}`, cause);
  }
}

/** Finds the frames in what comes from a serial port, in whatever pieces. Keeps at most one unfinished line of 64 KiB. */
export class FrameDecoder {
  readonly #found: Decoded[] = [];
  readonly #splitter: LineSplitter;
  #noiseLines = 0;

  constructor() {
    this.#splitter = new LineSplitter(MAX_LINE_BYTES, {
      onLine: (line) => this.#take(line),
      onExcess: () => {
        this.#noiseLines += 1;
      },
    });
  }

  /** How many lines were no frames. */
  get noiseLines(): number {
    return this.#noiseLines;
  }

  /** Takes the next bytes and gives what they complete, in order. */
  push(bytes: Uint8Array): Decoded[] {
    this.#splitter.push(bytes);
    return this.#found.splice(0);
  }

  #take(line: string): void {
    // A console may put words before a frame, and a terminal a carriage return after it.
    const at = line.lastIndexOf(MARK);
    if (at < 0) {
      if (line.trim() !== '') this.#noiseLines += 1;
      return;
    }
    const found = decodeBody(line.slice(at + MARK.length).trimEnd());
    this.#found.push(typeof found === 'string' ? { kind: 'error', error: protocolError(found) } : found);
  }
}

function decodeBody(body: string): Decoded | string {
  const [, type, sequence, bytes, text, sum] = BODY.exec(body) ?? [];
  if (type === undefined || sequence === undefined || bytes === undefined || text === undefined || sum === undefined) {
    return `a frame is malformed: ${JSON.stringify(body.slice(0, 100))}`;
  }
  const expected = checksum(type, sequence, text);
  if (sum !== expected) return `a frame of type ${type} has the checksum ${sum}, expected ${expected}`;
  if (!isFrameType(type)) return `a frame has the unknown type ${type}`;
  const payload = text === '-' ? new Uint8Array() : Uint8Array.from(Buffer.from(text, 'base64'));
  if (payload.length !== Number(bytes)) return `a frame of type ${type} says ${bytes} bytes and has ${payload.length}`;
  if (text !== '-' && Buffer.from(payload).toString('base64') !== text) return `a frame of type ${type} is no base64`;
  return payloadFault(type, payload.length) ?? { kind: 'frame', frame: { type, sequence: Number(sequence), payload } };
}

function isFrameType(type: string): type is FrameType {
  return Object.hasOwn(FRAME_TYPES, type);
}

function payloadFault(type: FrameType, bytes: number): string | undefined {
  const { least, most } = FRAME_TYPES[type];
  if (bytes >= least && bytes <= most) return undefined;
  return `a frame of type ${type} has ${bytes} bytes, expected ${least === most ? most : `${least} to ${most}`}`;
}

function protocolError(what: string, cause?: unknown): HarnessError {
  return new HarnessError({ code: 'GUEST_PROTOCOL', what, where: 'serial port of the guest', cause });
}
