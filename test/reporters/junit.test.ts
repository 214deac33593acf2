import fc from 'fast-check';
import { junitXml } from '../../lib/reporters/junit.ts';
import { plainText } from '../../lib/reporters/plain-text.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { cellFile, row } from './rows.ts';
import { elements, parseXml, type XmlElement } from './xml.ts';

const read = (rows: readonly ResultRow[], recorded = false): XmlElement => parseXml(junitXml(rows, recorded));

/** The only test case of one row. */
function caseOf(one: ResultRow, recorded = false): XmlElement {
  const [found, ...more] = elements(read([one], recorded), 'testcase');
  expect(more).toEqual([]);
  if (found === undefined) throw new Error('no test case');
  return found;
}

const childNames = (of: XmlElement): string[] => of.children.map((child) => child.name);
const propertiesOf = (of: XmlElement): Record<string, string> =>
  Object.fromEntries(elements(of, 'property').map(({ attributes }) => [attributes.name ?? '', attributes.value ?? '']));

test('every kind of result is its own element', () => {
  expect(childNames(caseOf(row('pass')))).toEqual([]);
  expect(childNames(caseOf(row('fail')))).toEqual(['failure']);
  expect(childNames(caseOf(row('infrastructure')))).toEqual(['error']);
  expect(childNames(caseOf(row('configuration')))).toEqual(['error']);
  expect(childNames(caseOf(row('skip')))).toContain('skipped');
});

test('a reason is there in short and in full', () => {
  const message = 'CHECK_FAILED: digests differ\n  expected: 11\n  got: 22';
  const [failure] = elements(caseOf(row('fail', { message })), 'failure');
  expect(failure?.attributes).toMatchObject({ message: 'CHECK_FAILED: digests differ', type: 'failure' });
  expect(failure?.text).toContain('got: 22');
  const [error] = elements(caseOf(row('configuration', { message })), 'error');
  expect(error?.attributes).toMatchObject({ message: 'CHECK_FAILED: digests differ', type: 'configuration' });
  expect(error?.text).toContain('got: 22');
  const [skipped] = elements(caseOf(row('skip', { message: 'no kernel' })), 'skipped');
  expect(skipped).toMatchObject({ attributes: { message: 'no kernel' }, text: 'no kernel' });
});

test('suites count what they hold, host by host', () => {
  const rows = [
    row('pass'),
    row('fail'),
    row('infrastructure'),
    row('configuration'),
    row('skip'),
    row('pass', { host: 'genoa-1' }),
  ];
  const suites = elements(read(rows), 'testsuite');
  const counts = suites.map(({ attributes: { name, tests, failures, errors, skipped } }) => ({
    name,
    tests,
    failures,
    errors,
    skipped,
  }));
  expect(counts).toEqual([
    { name: 'launch on genoa-1', tests: '1', failures: '0', errors: '0', skipped: '0' },
    { name: 'launch on milan-1', tests: '5', failures: '1', errors: '2', skipped: '1' },
  ]);
});

test('two suites of one host stay two', () => {
  const suites = elements(read([row('pass'), row('pass', { suite: 'policy' })]), 'testsuite');
  expect(suites.map(({ attributes }) => attributes.name)).toEqual(['launch on milan-1', 'policy on milan-1']);
});

test('names are those of the cell and the host, whatever order and time', () => {
  const rows = [row('pass'), row('fail'), row('pass', { host: 'genoa-1' })];
  const names = (of: readonly ResultRow[]): string[] =>
    elements(read(of), 'testcase')
      .map(({ attributes: { classname, name } }) => `${classname}: ${name}`)
      .sort();
  expect(names(rows)).toEqual([
    'launch.genoa-1: amdsev/stable/pass',
    'launch.milan-1: amdsev/stable/fail',
    'launch.milan-1: amdsev/stable/pass',
  ]);
  expect(names([...rows].reverse().map((one) => ({ ...one, durationMs: 7 })))).toEqual(names(rows));
  expect(junitXml(rows, false)).toBe(junitXml(rows, false));
  expect(junitXml(rows, false)).not.toContain('timestamp');
});

test('seconds are seconds', () => {
  expect(Number(caseOf(row('pass', { durationMs: 1234 })).attributes.time)).toBeCloseTo(1.234);
});

/** The lines of a cell's output that say what a consumer may filter by. */
function cellProperties(of: XmlElement): Record<string, string> {
  const text = elements(of, 'system-out')[0]?.text ?? '';
  return Object.fromEntries(
    [...text.matchAll(/^\[\[PROPERTY\|([^=]+)=(.*)\]\]$/gm)].map(([, name, value]) => [name, value]),
  );
}

test('what was launched, and where, can be filtered by', () => {
  const one = row('fail', { cell: cellFile() });
  const [suite] = elements(read([one], true), 'testsuite');
  expect(suite && propertiesOf(suite)).toMatchObject({
    host: 'milan-1',
    evidence: 'recorded emulated',
    'host.kernel': 'Linux 6.12 x86_64',
  });
  expect(cellProperties(caseOf(one, true))).toEqual({
    qemu: '10.0',
    'digest.predicted': 'd1'.repeat(48),
    'digest.observed': 'ee'.repeat(48),
    'sha256.firmware': '00'.repeat(32),
    guestPolicy: '0x30000',
    guestFeatures: '0x1',
  });
  const [live] = elements(read([one], false), 'testsuite');
  expect(live && propertiesOf(live).evidence).toBe('emulated');
});

test('console and errors are kept of what did not pass', () => {
  const cell = cellFile({ console: 'kernel panic', stderr: 'qemu: bad' });
  const failed = caseOf(row('fail', { cell }));
  expect(elements(failed, 'system-out')[0]?.text).toMatch(/\]\]\nkernel panic$/);
  expect(elements(failed, 'system-err').map(({ text }) => text.trim())).toEqual(['qemu: bad']);
  expect(elements(caseOf(row('pass', { cell })), 'system-out')[0]?.text).not.toContain('kernel panic');
});

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ']]>',
        '<![CDATA[',
        '</testcase>',
        '&amp;',
        '&#0;',
        '"',
        "'",
        '<!--',
        '-->',
        '\u0000',
        '\u001b[31m',
        '\u202e',
        '\ufffe',
        '\uffff',
        '\ud800',
        '\r',
        '\n',
        '\u0085',
        '\u2028',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

test('whatever guests and QEMU print, the document is well-formed and its structure the same', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (message, console, stderr) => {
      for (const result of ['fail', 'infrastructure', 'skip'] as const) {
        const found = caseOf(row(result, { message, cell: cellFile({ console, stderr }) }));
        const printed = ['system-out', ...(plainText(stderr) === '' ? [] : ['system-err'])];
        const reason = { fail: ['failure'], infrastructure: ['error'], skip: ['skipped'] }[result];
        expect(childNames(found).sort()).toEqual([...reason, ...printed].sort());
      }
    }),
    { numRuns: tries(100, 1000) },
  );
});

test('a console with the end of a CDATA section is read back as it was', () => {
  const found = caseOf(row('fail', { cell: cellFile({ console: 'a]]>b<c>&d;]]]]>>' }) }));
  expect(elements(found, 'system-out')[0]?.text).toMatch(/a\]\]>b<c>&d;\]\]\]\]>>$/);
});
