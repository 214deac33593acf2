/**
 * Verification of one attestation report in this process: with certificates that were read before, as a run has them; with
 * certificates read from bytes each time, as the first of a run has them; and the first of a process, with nothing warm. Beside
 * it the signatures alone, which no verifier can do without, and peers from the shell where they are installed.
 *
 * node --import tsx bench/verify-report.ts [folder of the vectors]
 */
import { execFileSync } from 'node:child_process';
import { constants, verify, X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AMD_ANCHORS } from '../lib/attestation/anchors.ts';
import { readCertificateFile } from '../lib/attestation/certificate-file.ts';
import { signedStructure } from '../lib/attestation/der.ts';
import { verifyReport } from '../lib/attestation/verify.ts';

const VECTORS = process.argv[2] ?? process.env.SNP_CONFORM_VECTORS ?? join('..', 'shared', 'vectors');
const REPORT = join(VECTORS, 'reports', 'genoa-v3-b.bin');
const LEAF = join(VECTORS, 'certs', 'genoa-v3-b.vcek.der');
const CHAIN = join(VECTORS, 'chains', 'genoa_vcek_cert_chain.pem');
const NOW = new Date('2026-06-01T00:00:00Z');
const RUNS = 500;

const files = [LEAF, CHAIN].map((path) => ({ path, bytes: readFileSync(path) }));
const report = readFileSync(REPORT);
const read = () => files.flatMap(({ path, bytes }) => readCertificateFile(bytes, path).certificates);

function verified(certificates = read()): void {
  const { result } = verifyReport({ report, certificates, anchors: AMD_ANCHORS, now: NOW });
  if (result !== 'pass') throw new Error(`the report does not verify: ${result}`);
}

/** Runs some work and prints the median and the slowest twentieth, in milliseconds. */
function measure(name: string, work: () => void): void {
  for (let run = 0; run < 50; run += 1) work();
  const times = Array.from({ length: RUNS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).sort((left, right) => left - right);
  const at = (share: number): string => (times[Math.floor(RUNS * share)] ?? 0).toFixed(2).padStart(8);
  console.log(`${name.padEnd(44)} median ${at(0.5)} ms   p95 ${at(0.95)} ms`);
}

/** The four signatures of a report and its chain, and nothing else. */
function signaturesAlone(): () => void {
  const [leaf, ask, ark] = read();
  if (leaf === undefined || ask === undefined || ark === undefined) throw new Error('the vectors have no chain');
  const scalar = (at: number): Buffer => Buffer.from(report.subarray(at, at + 48)).reverse();
  const signature = Buffer.concat([scalar(0x2a0), scalar(0x2e8)]);
  const links = [
    [leaf, ask],
    [ask, ark],
    [ark, ark],
  ] as const;
  return () => {
    const ecdsa = { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' } as const;
    if (!verify('sha384', report.subarray(0, 0x2a0), ecdsa, signature)) throw new Error('the signature does not hold');
    for (const [{ der }, { publicKey: key }] of links) {
      const { signed, signature: value } = signedStructure(der) ?? { signed: der, signature: der };
      const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
      if (!verify('sha384', signed, pss, value)) throw new Error('the chain does not hold');
    }
  };
}

/** Runs a program of a peer, if there is one, and prints how long one call takes. */
function peer(name: string, program: string, args: readonly string[]): void {
  try {
    execFileSync(program, ['--help'], { stdio: 'ignore' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      console.log(`${name.padEnd(44)} not installed`);
      return;
    }
  }
  const times = Array.from({ length: 10 }, () => {
    const start = performance.now();
    execFileSync(program, args, { stdio: 'ignore' });
    return performance.now() - start;
  }).sort((left, right) => left - right);
  console.log(`${name.padEnd(44)} median ${(times[5] ?? 0).toFixed(2).padStart(8)} ms   (a whole process)`);
}

const start = performance.now();
verified();
console.log(
  `${'the first of this process'.padEnd(44)}        ${(performance.now() - start).toFixed(2).padStart(8)} ms`,
);
const certificates = read();
measure('certificates read before', () => verified(certificates));
measure('certificates read each time', () => verified());
measure('the four signatures alone', signaturesAlone());

const folder = mkdtempSync(join(tmpdir(), 'snp-bench-'));
try {
  const [ask = '', ark = ''] = readFileSync(CHAIN, 'utf8').split(/(?<=-----END CERTIFICATE-----)\s*/);
  writeFileSync(join(folder, 'vcek.pem'), new X509Certificate(readFileSync(LEAF)).toString());
  writeFileSync(join(folder, 'ask.pem'), ask);
  writeFileSync(join(folder, 'ark.pem'), ark);
  copyFileSync(REPORT, join(folder, 'report.bin'));
  const own = ['bin/snp-conform', 'report', 'verify', REPORT, '--certs', LEAF, CHAIN, '--now', '2026-06-01'];
  peer('snp-conform report verify', process.execPath, own);
  peer('snpguest verify attestation', 'snpguest', ['verify', 'attestation', folder, join(folder, 'report.bin')]);
  const check = ['-in', join(folder, 'report.bin'), '-inform', 'bin', '-network=false', '-product_name', 'Genoa'];
  peer('go-sev-guest check', 'check', check);
} finally {
  rmSync(folder, { recursive: true });
}
