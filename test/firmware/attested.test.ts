import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { AMD_ANCHORS } from '../../lib/attestation/anchors.ts';
import { parseReport } from '../../lib/attestation/report.ts';
import { AUTHORITY_SERIALS, yearsAfter } from '../../lib/firmware/authority.ts';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import { issueCrl } from '../../lib/firmware/issuing.ts';
import { issueVcek, issueVlek } from '../../lib/firmware/leaf-certificates.ts';
import { PRODUCT_NAMES, WRITTEN_REPORT_VERSIONS } from '../../lib/firmware/platform.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { authorityOf, failures, NONCE, NOW, type Reported, reported, verified } from './emulated-chips.ts';

const inFolder = testFolder();
const DAY_MS = 24 * 3600_000;
const CSP = { cspId: 'CN=emulated-cloud' };

/** The chain of a VCEK, leaf first. */
function vcekChain({ authority, chip }: Reported, tcb = chip.platform.reportedTcb): Uint8Array[] {
  return [issueVcek(authority, chip, { tcb, now: NOW }), authority.ask.certificate, authority.ark.certificate];
}

for (const product of PRODUCT_NAMES) {
  for (const reportVersion of WRITTEN_REPORT_VERSIONS) {
    test(`a report of version ${reportVersion} of a ${product} is genuine by its VCEK and the emulated root`, async () => {
      const made = await reported({ product, reportVersion });
      const { version, cpuidFamId, launchMitVector } = parseReport(made.report);
      expect(version).toBe(reportVersion);
      expect(cpuidFamId !== 0).toBe(reportVersion >= 3);
      expect(launchMitVector !== 0n).toBe(reportVersion >= 5 && product !== 'Milan');
      const verdict = verified(made, vcekChain(made), { want: { reportData: NONCE, signingKey: 'VCEK', product } });
      expect(failures(verdict)).toEqual([]);
      expect(verdict).toMatchObject({ result: 'pass', genuine: 'yes', wanted: 'yes', lacks: [] });
    });
  }

  test(`a report of a ${product} is genuine by the VLEK of its provider, and no other’s`, async () => {
    const made = await reported({ product, vlek: CSP });
    const { authority, chip } = made;
    if (chip.vlek === null) throw new Error('no VLEK');
    const options = { tcb: chip.platform.reportedTcb, now: NOW };
    const chain = [issueVlek(authority, chip.vlek, options), authority.asvk.certificate, authority.ark.certificate];
    expect(verified(made, chain, { want: { ...CSP, signingKey: 'VLEK' } })).toMatchObject({ result: 'pass' });
    expect(failures(verified(made, chain, { want: { cspId: 'CN=another-cloud' } }))).toEqual(['csp-id']);
    const other = issueVlek(authority, { ...chip.vlek, cspId: 'CN=another-cloud', key: chip.vcek }, options);
    expect(failures(verified(made, [other, ...chain.slice(1)]))).toContain('signature');
    expect(verified(made, vcekChain(made)).genuine).toBe('no');
  });

  test(`nobody who trusts AMD’s roots is taken in by an emulated ${product}`, async () => {
    const made = await reported({ product });
    const verdict = verified(made, vcekChain(made), { anchors: AMD_ANCHORS });
    expect(verdict).toMatchObject({ result: 'fail', genuine: 'no' });
    expect(failures(verdict)).toEqual(['root']);
    for (const der of vcekChain(made)) {
      const { issuer } = new X509Certificate(der);
      expect(issuer).toContain('O=snp-conform emulation');
      expect(issuer).toContain(`emulated-${product}`);
    }
  });

  test(`OpenSSL follows the chain of an emulated ${product}`, async () => {
    const made = await reported({ product });
    const [vcek, ask, ark] = vcekChain(made).map((der, index) => {
      const path = inFolder(`${product}-${index}.pem`);
      writeFileSync(path, new X509Certificate(der).toString());
      return path;
    });
    const verify = ['verify', '-CAfile', ark ?? '', '-untrusted', ask ?? '', vcek ?? ''];
    expect(execFileSync('openssl', verify, { encoding: 'utf8' })).toMatch(/: OK\n$/);
  });
}

test('another reported TCB is signed by another VCEK, and matched by its certificate alone', async () => {
  const [now, rolled] = [await reported(), await reported({ reportedTcb: { snp: 0x16, microcode: 0x40 } })];
  expect(rolled.chip.platform.reportedTcb).toBe(0x4016_0000_0000_0009n);
  expect(verified(rolled, vcekChain(rolled))).toMatchObject({ result: 'pass' });
  expect(failures(verified(rolled, vcekChain(now)))).toEqual(expect.arrayContaining(['signature', 'certificate-tcb']));
  expect(verified(now, vcekChain(rolled)).genuine).toBe('no');
});

test('the VCEK of another chip is not the report’s', async () => {
  const made = await reported();
  const stranger = { ...made, chip: emulatedChip('lab-2') };
  expect(failures(verified(made, vcekChain(stranger)))).toEqual(expect.arrayContaining(['signature', 'chip-id']));
});

test('a host that masks CHIP_ID, or its key, is seen to do so', async () => {
  const masked = await reported({ chipIdMasked: true });
  expect(verified(masked, vcekChain(masked)).genuine).toBe('no');
  expect(verified(masked, vcekChain(masked), { allow: { maskedChipId: 'allowed' } }).genuine).toBe('yes');
  const unsigned = await reported({ chipKeyMasked: true });
  expect(verified(unsigned, vcekChain(unsigned)).genuine).toBe('no');
  const vlek = await reported({ chipKeyMasked: true, vlek: CSP });
  expect(parseReport(vlek.report).keyInfo & 0b11110).toBe(0b00110);
});

test('certificates that have run out, or are not valid yet, prove nothing', async () => {
  const made = await reported();
  const { authority, chip } = made;
  const at = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
  const leaf = (notBefore: Date, notAfter: Date): Uint8Array =>
    issueVcek(authority, chip, { tcb: chip.platform.reportedTcb, now: NOW, dates: { notBefore, notAfter } });
  const [, ...issuers] = vcekChain(made);
  expect(failures(verified(made, [leaf(at(-9), at(-1)), ...issuers]))).toEqual(['certificate-validity']);
  expect(failures(verified(made, [leaf(at(1), at(9)), ...issuers]))).toEqual(['certificate-validity']);
  expect(failures(verified(made, vcekChain(made), { now: yearsAfter(NOW, 8) }))).toEqual(['certificate-validity']);
});

test('a list that revokes the ASK, signed by the emulated root, is heeded', async () => {
  const made = await reported();
  const dates = { notBefore: NOW, notAfter: yearsAfter(NOW, 1) };
  const list = (serials: readonly bigint[]): Uint8Array => issueCrl(serials, dates, made.authority.ark);
  const required = { revocation: 'required' } as const;
  expect(verified(made, [...vcekChain(made), list([])], required)).toMatchObject({ result: 'pass' });
  const revoked = verified(made, [...vcekChain(made), list([AUTHORITY_SERIALS.ask])], required);
  expect(failures(revoked)).toEqual(['revocation']);
  const forged = issueCrl([], dates, { ...made.authority.ask, commonName: made.authority.ark.commonName });
  expect(failures(verified(made, [...vcekChain(made), forged], required))).toEqual(['crl']);
});

test('each flipped bit of the signed part breaks the signature', async () => {
  const made = await reported({ product: 'Turin' });
  const chain = vcekChain(made);
  for (let at = 0; at < 0x2a0; at += 37) {
    const report = Uint8Array.from(made.report);
    report[at] = (report[at] ?? 0) ^ 0x10;
    expect(verified({ ...made, report }, chain).genuine, `byte ${at}`).toBe('no');
  }
});

test('the three products have issuers of their own', async () => {
  const keys = await Promise.all(PRODUCT_NAMES.map(async (product) => (await authorityOf(product)).ark.certificate));
  const roots = new Set(keys.map((der) => new X509Certificate(der).publicKey.export({ type: 'spki', format: 'pem' })));
  expect(roots.size).toBe(PRODUCT_NAMES.length);
});
