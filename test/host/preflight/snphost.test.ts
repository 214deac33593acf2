import fc from 'fast-check';
import { snphostFactsSchema } from '../../../lib/evidence/host-facts.ts';
import { parseSnphostJson, parseSnphostText, snphostFacts } from '../../../lib/host/preflight/snphost.ts';
import { expect, test } from '../../support/test.ts';
import { sectionsOf } from './hosts.ts';

const ESC = '\u001b';
/** As snphost 0.7.0 prints it. */
const TEXT = [
  `[ ${ESC}[32mPASS${ESC}[0m ] - AMD CPU`,
  `[ ${ESC}[32mPASS${ESC}[0m ]   - Microcode support`,
  `[ ${ESC}[31mFAIL${ESC}[0m ]     - SME: MSR read failed: No such file or directory (os error 2)`,
  `[ ${ESC}[33mSKIP${ESC}[0m ]       - Number of VMPLs`,
  `[ ${ESC}[31mFAIL${ESC}[0m ] - /dev/sev readable: Not readable: No such file or directory`,
  '',
  ' ERROR: One or more tests in snphost ok reported a failure',
].join('\n');

const JSON_TEXT = JSON.stringify({
  tests: [
    { name: 'AMD CPU', status: 'pass', category: 'cpu_support', description: 'x' },
    { name: 'Comparing TCB values', status: 'fail', message: { match: false }, fix_hint: 'y' },
  ],
  failures: [{ name: 'Comparing TCB values', hint: 'y' }],
  skipped: ['SNP initialized'],
  summary: { total: 3, passed: 1, failed: 1, skipped: 1 },
});

test('the lines of snphost are read: status, name and message, without their colours', () => {
  expect(parseSnphostText(TEXT)).toEqual([
    { name: 'AMD CPU', status: 'pass', message: null },
    { name: 'Microcode support', status: 'pass', message: null },
    { name: 'SME', status: 'fail', message: 'MSR read failed: No such file or directory (os error 2)' },
    { name: 'Number of VMPLs', status: 'skip', message: null },
    { name: '/dev/sev readable', status: 'fail', message: 'Not readable: No such file or directory' },
  ]);
});

test('the JSON of newer releases says the same, skipped tests included', () => {
  expect(parseSnphostJson(JSON_TEXT)).toEqual([
    { name: 'AMD CPU', status: 'pass', message: null },
    { name: 'Comparing TCB values', status: 'fail', message: '{"match":false}' },
    { name: 'SNP initialized', status: 'skip', message: null },
  ]);
});

test('a release that knows no JSON is asked for its lines, and both exit codes mean nothing', () => {
  const sections = sectionsOf({ 'snphost-there': '/usr/bin/snphost', 'snphost-version': 'snphost 0.7.0' });
  sections.set('snphost-json', { text: "error: unexpected argument '--output' found", exitCode: 2 });
  sections.set('snphost-text', { text: TEXT, exitCode: 1 });
  expect(snphostFacts(sections)).toMatchObject({ version: '0.7.0', tests: { length: 5 } });
  sections.set('snphost-json', { text: JSON_TEXT, exitCode: 1 });
  expect(snphostFacts(sections)?.tests).toHaveLength(3);
  expect(snphostFacts(sectionsOf({}))).toBeNull();
});

test('whatever snphost says, the facts are of their schema', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .array(fc.constantFrom('[ PASS ] - ', '[ FAIL ]', ': ', '\n', ESC, '\u202e', 'x'.repeat(2000)))
      .map((w) => w.join('')),
    fc.constant(
      JSON.stringify({
        tests: Array(1000).fill({ name: 'n'.repeat(5000), status: 'pass', message: 'm'.repeat(9999) }),
      }),
    ),
  );
  fc.assert(
    fc.property(hostile, hostile, (json, text) => {
      const said = { 'snphost-there': 'x', 'snphost-version': text, 'snphost-json': json, 'snphost-text': text };
      expect(snphostFactsSchema.safeParse(snphostFacts(sectionsOf(said))).error).toBeUndefined();
    }),
  );
});
