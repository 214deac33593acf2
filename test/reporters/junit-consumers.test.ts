import { writeFileSync } from 'node:fs';
import { execa } from 'execa';
import fc from 'fast-check';
import { parse, type TestSuites } from 'junit2json';
import { junitXml } from '../../lib/reporters/junit.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { cellFile, row } from './rows.ts';

const path = testFolder();

const everyKind = (text: string): ResultRow[] =>
  (['pass', 'fail', 'infrastructure', 'configuration', 'skip'] as const).map((result) =>
    row(result, { message: text, name: `a/${result}`, cell: cellFile({ console: text, stderr: text }) }),
  );

/** What xmllint has to say of documents; the empty string where it finds nothing. */
async function complaints(documents: readonly string[]): Promise<string> {
  const files = documents.map((document, place) => {
    const file = path(`${place}.xml`);
    writeFileSync(file, document);
    return file;
  });
  const schema = projectPath('test', 'reporters', 'junit.xsd');
  const { stderr } = await execa('xmllint', ['--noout', '--schema', schema, ...files], {
    reject: false,
    stdin: 'ignore',
  });
  return stderr
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(' validates'))
    .join('\n');
}

test('every kind of result is valid for Jenkins and GitLab', async () => {
  const rows = [...everyKind('why\nmore'), row('pass', { host: 'genoa-1' }), row('pass', { suite: 'policy' })];
  expect(await complaints([junitXml(rows, false), junitXml([], false), junitXml(rows, true)])).toBe('');
});

test('the check itself finds a document that is not', async () => {
  const valid = junitXml(everyKind('x'), false);
  expect(await complaints([valid.replace('<failure ', '<failed ').replace('</failure>', '</failed>')])).toContain(
    'failed',
  );
  expect(await complaints([valid.replace(/ tests="5"/, '')])).toContain("'tests' is required");
});

test('a consumer reads it back: names, counts, reasons and output', async () => {
  const rows = everyKind('CHECK_FAILED: <digests> & "quotes" differ\n  expected: 11');
  const read = (await parse(junitXml(rows, false))) as TestSuites;
  expect(read).toMatchObject({ name: 'snp-conform', tests: 5, failures: 1, errors: 2 });
  const [suite] = read.testsuite ?? [];
  expect(suite).toMatchObject({
    name: 'launch on milan-1',
    tests: 5,
    failures: 1,
    errors: 2,
    skipped: 1,
    hostname: 'milan-1',
  });
  const cases = new Map(suite?.testcase?.map((one) => [one.name, one]));
  const reason = { message: 'CHECK_FAILED: <digests> & "quotes" differ' };
  expect(cases.get('a/fail')?.failure?.[0]).toMatchObject({
    ...reason,
    inner: expect.stringContaining('expected: 11'),
  });
  expect(cases.get('a/infrastructure')?.error?.[0]).toMatchObject({ ...reason, type: 'infrastructure' });
  expect(cases.get('a/skip')?.skipped?.[0]).toMatchObject(reason);
  expect(cases.get('a/fail')?.['system-err']?.[0]).toContain('<digests> & "quotes"');
  expect(cases.get('a/pass')).toMatchObject({ classname: 'launch.milan-1', time: 1.5 });
});

test('it stays valid, whatever guests, QEMU and hosts print', async () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(
          ']]>',
          '<![CDATA[',
          '</testcase>',
          '&#0;',
          '"',
          '\u0000',
          '\u001b[31m',
          '\u202e',
          '\ufffe',
          '\ud800',
          '\r\n',
          '\u0085',
        ),
      ),
      { maxLength: 10 },
    )
    .map((parts) => parts.join(''));
  const texts = fc.sample(hostile, { numRuns: 150, seed: 8 });
  const documents = texts.map((text) =>
    junitXml([...everyKind(text), row('fail', { host: text, suite: text, name: text })], false),
  );
  expect(await complaints(documents)).toBe('');
  for (const document of documents.slice(0, 40)) expect(((await parse(document)) as TestSuites).tests).toBe(6);
});

test('an endless console is bounded', () => {
  const xml = junitXml([row('fail', { cell: cellFile({ console: 'x'.repeat(5_000_000) }) })], false);
  expect(xml.length).toBeLessThan(80_000);
  expect(xml).toContain('more characters]');
});
