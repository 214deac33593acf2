import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kdsPath, vcekRequest } from '../../lib/attestation/kds.ts';
import { parseReport } from '../../lib/attestation/report.ts';
import { certificateDer, crlDer, madeChain } from '../attestation/made-chain.ts';
import { madeFields, signedReport } from '../attestation/made-report.ts';
import { FakeKds } from '../kds/server.ts';
import type { CliRun } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { vectorsAbsent, vectorsFolder, vectorsPresent } from '../support/vectors.ts';

const inFolder = testFolder();
const made = madeChain();
const report = signedReport(madeFields());
const NOW = '2026-06-01';

/** A file of these tests. @returns its path */
function written(name: string, contents: Uint8Array | string): string {
  const path = inFolder(name);
  writeFileSync(path, contents);
  return path;
}

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
const reportFile = (): string => written('report.bin', report);
const rootFile = (): string => written('ark.pem', pem(certificateDer(made.root)));

/** The made chain in a folder, under names that say nothing, beside files that hold something else. */
function certificateFolder(): string {
  const folder = inFolder('certificates');
  mkdirSync(join(folder, 'below'), { recursive: true });
  writeFileSync(join(folder, '1'), certificateDer(made.leaf));
  writeFileSync(join(folder, '2.txt'), `the ASK:\n${pem(certificateDer(made.intermediate))}`);
  writeFileSync(join(folder, '3.der'), certificateDer(made.root));
  writeFileSync(join(folder, '4.crl'), crlDer(made.crl));
  writeFileSync(join(folder, 'README'), 'certificates of a test');
  return folder;
}

/** Runs `report verify` with a cache of its own. */
function verify(args: readonly string[], cache = 'cache'): Promise<CliRun> {
  return runHere(['report', 'verify', ...args], { SNP_CONFORM_CACHE: inFolder(cache) });
}

const trusting = (): string[] => ['--trusted-ark', rootFile(), '--now', NOW];

test.describe('report show', () => {
  test('prints every field of a report, and what it says', async () => {
    const { exitCode, stdout, stderr } = await runHere(['report', 'show', reportFile()]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('attestation report, version 3, Milan (raw)');
    expect(stdout).toMatch(
      /^POLICY +0x130137 +firmware API 1.55 or later, SMT allowed, no debugging, one socket only$/m,
    );
    expect(stdout).toMatch(/^REPORTED_TCB +0xdb18000000000104 +bootLoader 4, tee 1, snp 24, microcode 219$/m);
    expect(stdout).toMatch(/^KEY_INFO +0x1 +SIGNING_KEY VCEK, AUTHOR_KEY_EN \(launched with an author key\)$/m);
    expect(stdout).toMatch(/^CURRENT_BUILD +0x1d +firmware 1\.55\.29$/m);
  });

  test('reads hex from standard input and prints JSON', async () => {
    const file = written('report.hex', Buffer.from(report).toString('hex'));
    const { exitCode, stdout } = await runHere(['report', 'show', file, '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'snp-conform/report@1',
      encoding: 'hex',
      version: 3,
      product: 'Milan',
      fields: { measurement: 'ee'.repeat(48), policy: '0x130137', vmpl: '0x1' },
      decoded: {
        tcb: { reported: { bootLoader: 4, tee: 1, snp: 24, microcode: 219 } },
        platformInfo: { bits: ['SMT_EN', 'ECC_EN', 'ALIAS_CHECK_COMPLETE'], unknownBits: '0x0' },
        firmware: { current: '1.55.29', committed: '1.55.29' },
      },
    });
  });

  test('names bytes that must be zero, unknown bits, and versions that it cannot read', async () => {
    const odd = signedReport({ ...madeFields(), platformInfo: 0x8000_0000_0000_0125n, keyInfo: 0x101 }, (bytes) =>
      bytes.set([1], 0x18b),
    );
    const { stdout } = await runHere(['report', 'show', written('odd.bin', odd)]);
    expect(stdout).toContain('must be zero and is not: reserved18b at offset 0x18b');
    expect(stdout).toContain('unknown bits 0x8000000000000100');
    expect(stdout).toMatch(/^KEY_INFO .*unknown bits 0x100$/m);
    const future = written('future.bin', signedReport({ ...madeFields(), version: 6 }));
    const refused = await runHere(['report', 'show', future]);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('expected version 2 to 5, got 6') });
    expect((await runHere(['report', 'show', future, '--allow-unknown-version'])).exitCode).toBe(0);
  });

  test('refuses what is no report with exit code 2', async () => {
    const { exitCode, stderr, stdout } = await runHere(['report', 'show', written('no.txt', 'hello')]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('REPORT_INVALID: this text is neither hex of a report nor base64');
    expect(stderr).toContain('no.txt');
  });
});

test.describe('report verify', () => {
  test('a report that is genuine and wanted has exit code 0, by certificates of any name', async () => {
    const asked = [
      '--nonce',
      'da'.repeat(64),
      '--measurement',
      'ee'.repeat(48),
      '--policy-clear',
      'debug',
      '--min-tcb',
      'bl=4,ucode=219',
    ];
    const { exitCode, stdout, stderr } = await verify([
      reportFile(),
      '--certs',
      certificateFolder(),
      ...asked,
      ...trusting(),
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Is it genuine? yes');
    expect(stdout).toContain('Is it what was wanted? yes\n');
    expect(stdout).toMatch(/^ {2}pass {2}revocation /m);
    expect(stdout).toMatch(/^ {2}pass {2}min-launch-tcb /m);
    expect(stdout).toMatch(/^ {2}not asked for: host-data, /m);
    expect(stderr).toMatch(/^note: \S+README: passed over: [^\n]+\n$/);
  });

  test('a changed byte has exit code 1, and the message names check and values', async () => {
    const changed = report.slice();
    changed[0x90] = 0xef;
    const { exitCode, stdout, stderr } = await verify([
      written('changed.bin', changed),
      '--certs',
      certificateFolder(),
      ...trusting(),
    ]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('Is it genuine? no');
    expect(stdout).toMatch(/^ {2}FAIL {2}signature /m);
    expect(stderr).toContain('REPORT_REFUSED: the report is not genuine: signature: the key of ');
  });

  test('a genuine report that is not the one that was wanted has exit code 1', async () => {
    const args = [reportFile(), '--certs', certificateFolder(), ...trusting(), '--vmpl', '0', '--json'];
    const { exitCode, stdout, stderr } = await verify(args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('REPORT_REFUSED: the report is not what was wanted: vmpl: VMPL is another');
    const { checks, ...verdict } = JSON.parse(stdout);
    expect(verdict).toMatchObject({
      format: 'snp-conform/report-verdict@1',
      genuine: 'yes',
      wanted: 'no',
      result: 'fail',
    });
    const vmpl = {
      name: 'vmpl',
      layer: 'wanted',
      status: 'fail',
      expected: '0',
      observed: '1',
      detail: 'VMPL is another',
      lacks: null,
    };
    expect(checks).toContainEqual(vmpl);
  });

  test("the chain of somebody's own is refused unless its root is named", async () => {
    const { exitCode, stderr } = await verify([reportFile(), '--certs', certificateFolder(), '--now', NOW]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the report is not genuine: root: the key of ');
  });

  test('what is missing has exit code 2 where nothing may be asked for', async () => {
    const { exitCode, stdout, stderr } = await verify([reportFile(), '--offline', ...trusting()], 'empty');
    expect(exitCode).toBe(2);
    expect(stdout).toContain('Is it genuine? unproven');
    expect(stderr).toContain('REPORT_UNPROVEN: the report cannot be verified without ');
    expect(stderr).toContain('the VCEK of the chip');
  });

  test('what is asked for in a way that cannot be is said with exit code 2, before anything is read', async () => {
    const { exitCode, stderr, stdout } = await verify(['no-such-report', '--policy-clear', 'DEBUGG']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('did you mean DEBUG?');
  });
});

test.describe('report verify, with a key distribution service', () => {
  let kds: FakeKds;
  let base: string;

  test.beforeEach(async () => {
    kds = new FakeKds();
    base = await kds.start();
    const crl = { ...made.crl, thisUpdate: new Date('2026-01-01'), nextUpdate: new Date('2046-01-01') };
    kds.routes.set(kdsPath(vcekRequest(parseReport(report), 'Milan')), { body: certificateDer(made.leaf) });
    kds.routes.set('/vcek/v1/Milan/cert_chain', {
      body: pem(certificateDer(made.intermediate)) + pem(certificateDer(made.root)),
    });
    kds.routes.set('/vcek/v1/Milan/crl', { body: crlDer(crl) });
  });
  test.afterEach(() => kds.stop());

  test('all that is missing is fetched once; then the service may be down', async () => {
    const args = [reportFile(), '--kds', base, '--require-crl', ...trusting()];
    const first = await verify(args, 'fetched');
    expect([first.exitCode, first.stderr]).toEqual([0, '']);
    expect(kds.asked).toHaveLength(3);
    kds.routes.clear();
    kds.otherwise = { status: 500 };
    expect((await verify(args, 'fetched')).exitCode).toBe(0);
    expect((await verify([...args, '--offline'], 'fetched')).exitCode).toBe(0);
    expect(kds.asked).toHaveLength(3);
  });

  test('a service that throttles without an end has exit code 3', async () => {
    kds.routes.clear();
    kds.otherwise = { status: 429, headers: { 'retry-after': '7200' } };
    const { exitCode, stdout, stderr } = await verify([reportFile(), '--kds', base, ...trusting()], 'throttled');
    expect([exitCode, stdout]).toEqual([3, '']);
    expect(stderr).toContain('KDS_THROTTLED: ');
    expect(stderr).toContain('it asks to wait 7200 s');
  });

  test('a chip that the service does not know has exit code 1, after all that can be said', async () => {
    const other = written('other.bin', signedReport({ ...madeFields(), chipId: new Uint8Array(64).fill(7) }));
    const { exitCode, stdout, stderr } = await verify([other, '--kds', base, ...trusting()], 'unknown');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('Is it genuine? unproven');
    expect(stderr).toContain('KDS_NOT_FOUND: the key distribution service does not know the VCEK of Milan chip 0707');
  });
});

test.describe('of the real reports', () => {
  test.skip(!vectorsPresent, vectorsAbsent);

  test('one is verified by the folders of all certificates', async () => {
    const certs = ['certs', 'chains'].map((folder) => join(vectorsFolder, folder));
    const { exitCode, stdout, stderr } = await verify([
      join(vectorsFolder, 'reports', 'genoa-v5-a-a0.bin'),
      ...['--certs', ...certs],
      ...['--now', '2026-06-01', '--product', 'Genoa', '--platform-set', 'ALIAS_CHECK_COMPLETE'],
    ]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Bergamo or Siena, vouched for by ARK-Genoa');
  });
});
