import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import type { Authority } from './authority.ts';
import { PRODUCT_NAMES } from './platform.ts';

const FORMAT = 'snp-conform/emulated-authority@1';
const pem = z.string().startsWith('-----BEGIN PRIVATE KEY-----');
const issuer = z.strictObject({ commonName: z.string(), certificate: z.base64(), key: pem });

/** The file of an authority. */
const authoritySchema = z.strictObject({
  format: z.literal(FORMAT),
  product: z.enum(PRODUCT_NAMES),
  ark: issuer,
  ask: issuer,
  asvk: issuer,
});

/** Writes an authority down, keys and all. */
export function writeAuthority({ product, ...issuers }: Authority): string {
  const written = Object.entries(issuers).map(([role, { commonName, certificate, key }]) => [
    role,
    {
      commonName,
      certificate: Buffer.from(certificate).toString('base64'),
      key: key.export({ type: 'pkcs8', format: 'pem' }),
    },
  ]);
  return `${JSON.stringify({ format: FORMAT, product, ...Object.fromEntries(written) }, null, 1)}\n`;
}

/** Reads an authority. @param where the file, for messages   @throws HarnessError JSON_INVALID */
export function readAuthority(text: string, where: string): Authority {
  try {
    const { product, ark, ask, asvk } = authoritySchema.parse(JSON.parse(text));
    const read = ({ commonName, certificate, key }: z.output<typeof issuer>) => ({
      commonName,
      certificate: Uint8Array.from(Buffer.from(certificate, 'base64')),
      key: createPrivateKey(key),
    });
    return { product, ark: read(ark), ask: read(ask), asvk: read(asvk) };
  } catch (cause) {
    throw new HarnessError({
      code: 'JSON_INVALID',
      what: 'not the keys of an emulated authority',
      where,
      hint: 'remove the file: it is made anew, and what was signed with the old keys does not verify any more',
      cause,
    });
  }
}
