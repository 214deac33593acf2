import { REPORT_RESPONSE } from '../../lib/abi/guest-message.ts';
import { serialiseLayout } from '../../lib/abi/layout.ts';
import { findReport } from '../../lib/attestation/report-file.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

/** Bytes in the size of a report, which begin as one does. */
const REPORT = Uint8Array.from({ length: 1184 }, (_, index) =>
  index < 4 ? (index === 0 ? 3 : 0) : (index * 7) & 0xff,
);

function response(status = 0, reportSize = 1184): Uint8Array {
  return serialiseLayout(REPORT_RESPONSE, { status, reportSize, report: REPORT }, 'MSG_REPORT_RSP');
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

const WRAPPED: readonly (readonly [string, Uint8Array])[] = [
  ['report', REPORT],
  ['response', response()],
  ['ioctl response', padded(response(), 4000)],
];

const text = (written: string): Uint8Array => new TextEncoder().encode(written);
const inLines = (written: string): string => `${written.match(/.{1,76}/g)?.join('\r\n')}\n`;

const WRITTEN: readonly (readonly [string, string, (bytes: Uint8Array) => Uint8Array])[] = [
  ['raw bytes', 'raw', (bytes) => bytes],
  ['a Buffer', 'raw', (bytes) => Buffer.from(bytes)],
  ['hex', 'hex', (bytes) => text(Buffer.from(bytes).toString('hex'))],
  [
    'hex in capitals, with 0x and line breaks',
    'hex',
    (bytes) => text(`0x${inLines(Buffer.from(bytes).toString('hex').toUpperCase())}`),
  ],
  ['base64', 'base64', (bytes) => text(Buffer.from(bytes).toString('base64'))],
  ['base64 in lines', 'base64', (bytes) => text(inLines(Buffer.from(bytes).toString('base64')))],
  ['base64 of URLs, without padding', 'base64', (bytes) => text(Buffer.from(bytes).toString('base64url'))],
];

for (const [wrapping, bytes] of WRAPPED) {
  for (const [words, encoding, write] of WRITTEN) {
    test(`finds a report in a ${wrapping} written as ${words}`, () => {
      const found = findReport(write(bytes));
      expect(found).toMatchObject({ wrapping, encoding });
      expect(Buffer.from(found.report).equals(REPORT)).toBe(true);
    });
  }
}

test('what is found does not change with the file', () => {
  const file = Buffer.from(REPORT);
  const { report } = findReport(file);
  file.fill(0xff);
  expect(report[0]).toBe(3);
});

const WRONG: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['an empty file', new Uint8Array(0), /^expected a report of 1184, 1216, 4000 bytes, got none$/],
  ['a byte too few', REPORT.subarray(1), /^expected a report of 1184, 1216, 4000 bytes, got 1183$/],
  ['a byte too many', padded(REPORT, 1185), /got 1185$/],
  ['the refusal of the firmware', response(0x27, 0), /^the firmware refused to make a report: INVALID_KEY \(0x27\)$/],
  [
    'a response with a report of another size',
    response(0, 1200),
    /^MSG_REPORT_RSP: expected a report of 1184 bytes, got one of 1200$/,
  ],
  [
    'text that is neither hex nor base64',
    text('this is no report'),
    /^this text is neither hex of a report nor base64$/,
  ],
  ['line breaks', text('\n\n'), /neither hex/],
  ['hex of another length', text('00'.repeat(100)), /^expected a report of 1184, 1216, 4000 bytes, got 150$/],
  ['base64 of another length', text(Buffer.alloc(99).toString('base64')), /got 99$/],
];

for (const [what, file, message] of WRONG) {
  test(`refuses ${what}`, () => {
    const error = harnessErrorOf(() => findReport(file));
    expect(error.code).toBe('REPORT_INVALID');
    expect(error.what).toMatch(message);
  });
}
