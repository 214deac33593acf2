import { firmwareStatusName } from '../abi/firmware-status.ts';
import { REPORT_RESPONSE } from '../abi/guest-message.ts';
import { parseLayout, sizeOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';
import { HarnessError } from '../errors.ts';
import { hexNumber } from '../text.ts';

/** How the bytes of a report may be wrapped. */
export type ReportWrapping = 'report' | 'response' | 'ioctl response';
/** How those bytes may be written down. */
export type ReportEncoding = 'raw' | 'hex' | 'base64';

/** A report that was found in a file. */
export interface FoundReport {
  /** 1184 bytes. */
  report: Uint8Array;
  wrapping: ReportWrapping;
  encoding: ReportEncoding;
}

/** SNP_GET_REPORT fills this many bytes: MSG_REPORT_RSP and zeros. Source: Linux, include/uapi/linux/sev-guest.h. */
const IOCTL_RESPONSE_BYTES = 4000;

const WRAPPINGS: ReadonlyMap<number, ReportWrapping> = new Map([
  [sizeOf(ATTESTATION_REPORT), 'report'],
  [sizeOf(REPORT_RESPONSE), 'response'],
  [IOCTL_RESPONSE_BYTES, 'ioctl response'],
]);
const SIZES = [...WRAPPINGS.keys()].join(', ');

/** Twice the largest, for hex, and as much again for line breaks. */
export const REPORT_FILE_BYTES_MAX = 4 * IOCTL_RESPONSE_BYTES;

function refuse(what: string, hint?: string): HarnessError {
  return new HarnessError({ code: 'REPORT_INVALID', what, hint });
}

/** Text without its line breaks; undefined for bytes that are no ASCII text, as no report is: it has zeros. */
function textOf(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  return /^[\t\n\r -~]*$/.test(text) ? text.replaceAll(/\s/g, '') : undefined;
}

function decodeText(text: string): { bytes: Uint8Array; encoding: ReportEncoding } {
  const digits = text.replace(/^0x/i, '');
  if (/^(?:[0-9a-f]{2})+$/i.test(digits) && WRAPPINGS.has(digits.length / 2)) {
    return { bytes: new Uint8Array(Buffer.from(digits, 'hex')), encoding: 'hex' };
  }
  // Buffer takes the alphabet of URLs too, and passes over what is in neither; so what it read is written again.
  const bytes = Buffer.from(text, 'base64');
  const written = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=*$/, '');
  if (written === '' || bytes.toString('base64').replace(/=*$/, '') !== written) {
    throw refuse(
      'this text is neither hex of a report nor base64',
      `a report as raw bytes, hex or base64: ${SIZES} bytes`,
    );
  }
  return { bytes: new Uint8Array(bytes), encoding: 'base64' };
}

/** The report in the firmware's answer. @param bytes at least that answer */
function unwrap(bytes: Uint8Array): Uint8Array {
  const response = bytes.subarray(0, sizeOf(REPORT_RESPONSE));
  const { status, reportSize, report } = parseLayout(REPORT_RESPONSE, response, 'MSG_REPORT_RSP', { reserved: 'keep' });
  if (status !== 0) {
    throw refuse(`the firmware refused to make a report: ${firmwareStatusName(status)} (${hexNumber(status)})`);
  }
  if (reportSize !== report.length) {
    throw refuse(`MSG_REPORT_RSP: expected a report of ${report.length} bytes, got one of ${reportSize}`);
  }
  return report;
}

/**
 * Finds the report in what a file holds: raw bytes, hex (with or without 0x, line breaks allowed) or base64 of a report,
 * of MSG_REPORT_RSP (a header of 32 bytes before it), or of the 4000 bytes that SNP_GET_REPORT fills.
 * @param file at most REPORT_FILE_BYTES_MAX
 * @throws HarnessError REPORT_INVALID for anything else, and for the firmware's refusal of a report
 * Source: AMD 56860, MSG_REPORT_RSP; Linux, include/uapi/linux/sev-guest.h
 */
export function findReport(file: Uint8Array): FoundReport {
  if (file.length === 0) throw refuse(`expected a report of ${SIZES} bytes, got none`);
  const text = textOf(file);
  const { bytes, encoding } = text === undefined ? { bytes: file, encoding: 'raw' as const } : decodeText(text);
  const wrapping = WRAPPINGS.get(bytes.length);
  if (wrapping === undefined) {
    throw refuse(`expected a report of ${SIZES} bytes, got ${bytes.length}`, 'is it really an attestation report?');
  }
  return { report: wrapping === 'report' ? Uint8Array.from(bytes) : unwrap(bytes), wrapping, encoding };
}
