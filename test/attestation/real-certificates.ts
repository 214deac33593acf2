import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from '../../lib/attestation/certificate.ts';
import { readCertificateFile } from '../../lib/attestation/certificate-file.ts';
import { vectorBytes, vectorsFolder, vectorsPresent } from '../support/vectors.ts';

function read(path: string): Certificate[] {
  return readCertificateFile(vectorBytes(path), path).certificates;
}

/** ASK, ASVK and ARK of every product of the vectors; none where the vectors are absent. */
export const REAL_ISSUERS: readonly Certificate[] = vectorsPresent
  ? readdirSync(join(vectorsFolder, 'chains')).flatMap((name) => read(`chains/${name}`))
  : [];

/** A real VCEK or VLEK, by its file name in certs/ without `.der`. */
export function realLeaf(name: string): Certificate {
  const [leaf] = read(`certs/${name}.der`);
  if (leaf === undefined) throw new Error(`no certificate in ${name}`);
  return leaf;
}
