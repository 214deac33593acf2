import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KDS_PRODUCTS, type KdsProduct } from '../abi/products.ts';
import { AMD_ANCHORS, type Anchor } from '../attestation/anchors.ts';
import { nameAttribute } from '../attestation/certificate.ts';
import type { CertificateBundle } from '../attestation/certificate-file.ts';
import { productOfChainName } from '../attestation/kds.ts';
import { KDS_URL } from '../attestation/kds-url.ts';
import { type ReportVerdict, verifyReport } from '../attestation/verify.ts';
import type { Wanted } from '../attestation/want.ts';
import { cacheDirectory } from '../cache.ts';
import { HarnessError } from '../errors.ts';
import { KdsClient } from '../kds/client.ts';
import { type Collected, collectEvidence } from '../kds/collect.ts';
import { loadCertificates } from './certificate-files.ts';
import { loadReport } from './report-show.ts';
import { failedChecks, verdictText } from './verdict-text.ts';
import type { VerifyOptions } from './verify-options.ts';

const note = (text: string): void => {
  process.stderr.write(`note: ${text}\n`);
};

/** Trust in roots other than AMD's, which a user must name: those of an emulated chip. */
async function anchorsFrom(path: string): Promise<Anchor[]> {
  const { certificates } = await loadCertificates([path], note);
  const anchors = certificates
    .filter(({ kind }) => kind === 'ARK')
    .map(({ subject, keyDigest }) => {
      const chainName = nameAttribute(subject, 'CN')?.replace(/^ARK-/, '') ?? '';
      const product = productOfChainName(chainName);
      return { product, chainName, organization: nameAttribute(subject, 'O') ?? '', spkiSha256: keyDigest() };
    })
    .filter((anchor): anchor is typeof anchor & { product: KdsProduct } => anchor.product !== undefined);
  if (anchors.length > 0) return anchors;
  throw new HarnessError({
    code: 'CERTIFICATE_INVALID',
    what: `there is no root of ${KDS_PRODUCTS.join(', ')}: no certificate whose CN is ARK-, perhaps a name and -, and the product`,
    where: `--trusted-ark ${path}`,
  });
}

/**
 * Certificates: from files; what they lack from the service, or offline from what was kept of it. Where files were given, the
 * service is asked for a list of revoked certificates only if it was named, or the list is required.
 */
async function evidenceFor(
  report: Uint8Array,
  options: VerifyOptions,
  product: KdsProduct | undefined,
  anchors: readonly Anchor[],
  now: Date,
): Promise<Collected> {
  const given: CertificateBundle = await loadCertificates(options.certs ?? [], note);
  const client = new KdsClient({
    base: options.kds ?? KDS_URL,
    cacheFolder: join(cacheDirectory(process.env, homedir()), 'kds'),
    mode: options.offline ? 'offline' : 'online',
    edge: { now: () => new Date(), sleep: async (ms) => sleep(ms), note },
  });
  const filesSuffice = options.certs !== undefined && options.kds === undefined && !options.requireCrl;
  const crl = filesSuffice ? 'leave' : 'fetch';
  const collected = await collectEvidence(report, given, client, { crl, product, anchors, now });
  // A list of today says nothing of an earlier day, and one that ran out nothing of today; lists that were given are judged.
  const timely = collected.crls.filter((list) => {
    if (given.crls.includes(list)) return true;
    const { thisUpdate, nextUpdate } = list.details();
    const inTime = thisUpdate <= now && (nextUpdate === null || now <= nextUpdate);
    if (!inTime) note(`${list.where}: passed over, for it is not of ${now.toISOString()}`);
    return inTime;
  });
  return { ...collected, crls: timely };
}

/** The error that the verdict amounts to; none where the report passed. */
function refusal(verdict: ReportVerdict, notFound: HarnessError | undefined, where: string): HarnessError | undefined {
  if (verdict.result === 'pass') return undefined;
  if (verdict.result === 'fail') {
    const question = verdict.genuine === 'no' ? 'the report is not genuine' : 'the report is not what was wanted';
    const expired = verdict.checks.some(({ name, status }) => name === 'certificate-validity' && status === 'fail');
    const hint = expired
      ? '--now verifies for another day; VLEKs are valid for a year, and hosts get new ones'
      : undefined;
    return new HarnessError({ code: 'REPORT_REFUSED', what: `${question}: ${failedChecks(verdict)}`, where, hint });
  }
  return (
    notFound ??
    new HarnessError({
      code: 'REPORT_UNPROVEN',
      what: `the report cannot be verified without ${verdict.lacks.join(', ')}`,
      where,
      hint: '--certs takes certificates from files; without --offline the key distribution service is asked for VCEKs and chains; what a mirror gave is kept apart: name it with --kds',
    })
  );
}

/** Verifies a report and prints the verdict. @throws HarnessError of the kind that the exit code follows */
export async function verifyFile(path: string, options: VerifyOptions, want: Wanted): Promise<void> {
  const { report } = await loadReport(path);
  const now = options.now ?? new Date();
  const anchors = options.trustedArk === undefined ? AMD_ANCHORS : await anchorsFrom(options.trustedArk);
  const { certificates, crls, notFound } = await evidenceFor(report, options, want.product, anchors, now);
  const verdict = verifyReport({
    report,
    certificates,
    crls,
    anchors,
    now,
    want,
    revocation: options.requireCrl ? 'required' : 'if-given',
    allow: {
      maskedChipId: options.allowMaskedChipId ? 'allowed' : undefined,
      unknownVersions: options.allowUnknownVersion ? 'read as the newest known' : undefined,
    },
  });
  const json = { format: 'snp-conform/report-verdict@1', at: now.toISOString(), ...verdict };
  process.stdout.write(options.json ? `${JSON.stringify(json, null, 2)}\n` : verdictText(verdict));
  const refused = refusal(verdict, notFound, path);
  if (refused !== undefined) throw refused;
}
