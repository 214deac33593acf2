import { AMD_ANCHORS } from '../../lib/attestation/anchors.ts';
import { ia5, integer, octets } from './der-writer.ts';
import {
  CHIP_ID,
  cspIdOf,
  hwId,
  issuerExtensions,
  MILAN_LEVELS,
  madeName,
  newExtensions,
  ORGANIZATION,
  oldExtensions,
  pair,
  pssAlgorithm,
  SHORT_CHIP_ID,
  TURIN_LEVELS,
} from './made-chain.ts';
import {
  alteredProduct,
  extending,
  milan,
  renamed,
  type Scenario,
  set,
  set0,
  withCrl,
  withIntermediate,
  withLeaf,
  withRoot,
} from './scenario.ts';

/** Reports and chains of which one thing is not as it should be, and the checks that must say so. */
export const SCENARIOS: readonly Scenario[] = [
  { title: 'a Milan report by its VCEK', fails: [] },
  { title: 'a Milan report by its VLEK', of: 'Milan VLEK', fails: [] },
  { title: 'a Turin report by its VCEK', of: 'Turin VCEK', fails: [] },
  {
    title: 'an hwID wrapped in an OCTET STRING',
    chain: extending((all) => [...all.slice(0, -1), hwId(octets(CHIP_ID))]),
    fails: [],
  },
  { title: 'extensions in another order', chain: extending((all) => [...all].reverse()), fails: [] },
  {
    title: 'a VCEK of Turin with an spl4 of 0',
    of: 'Turin VCEK',
    chain: extending((all) => [...all, { oid: '1.3.6.1.4.1.3704.1.3.4', value: integer(0) }]),
    fails: [],
  },
  {
    title: 'version 2, which does not state the processor',
    report: (bytes) => set(0x188, 0, 0, 0)(set0(bytes, 2)),
    fails: [],
  },
  { title: 'version 4 with a mitigation vector', report: (bytes) => set(0x1f8, 1)(set0(bytes, 4)), fails: [] },
  {
    title: 'version 4 with bytes that version 5 does not have',
    report: (bytes) => set(0x240, 1)(set0(bytes, 4)),
    fails: [],
  },
  {
    title: 'version 6 where it is allowed',
    report: (bytes) => void set0(bytes, 6),
    input: () => ({ allow: { unknownVersions: 'read as the newest known' } }),
    fails: [],
  },
  {
    title: 'a masked CHIP_ID where it is allowed',
    report: (bytes) => void bytes.fill(0, 0x1a0, 0x1e0),
    input: () => ({ allow: { maskedChipId: 'allowed' } }),
    fails: [],
  },

  { title: 'version 1', report: (bytes) => void set0(bytes, 1), fails: ['version'] },
  { title: 'version 6', report: (bytes) => void set0(bytes, 6), fails: ['version'] },
  { title: 'reserved bytes, signed', report: set(0x18b, 1), fails: ['reserved-bytes'] },
  { title: 'a field of a later version, signed', report: set(0x1f8, 1), fails: ['reserved-bytes'] },
  { title: 'reserved bits of the key information, signed', report: set(0x4b, 0x80), fails: ['reserved-bytes'] },
  { title: 'another signature algorithm, signed', report: set(0x34, 2), fails: ['signature-algo', 'signature'] },
  {
    title: 'bytes behind the signature',
    tamper: set(0x49f, 1),
    fails: ['reserved-bytes', 'signature-form', 'signature'],
  },
  { title: 'bytes above R', tamper: set(0x2a0 + 48, 1), fails: ['signature-form', 'signature'] },
  { title: 'R of zero', tamper: (bytes) => void bytes.fill(0, 0x2a0, 0x2e8), fails: ['signature-form', 'signature'] },
  {
    title: 'S above the order',
    tamper: (bytes) => void bytes.fill(0xff, 0x2e8, 0x2e8 + 48),
    fails: ['signature-form', 'signature'],
  },
  {
    title: 'no signature',
    report: set(0x48, 0x1d),
    tamper: (bytes) => void bytes.fill(0, 0x2a0),
    fails: ['signature-form', 'signing-key', 'signature'],
  },
  { title: 'SIGNING_KEY reserved, signed', report: set(0x48, 0x09), fails: ['signing-key'] },
  { title: 'SIGNING_KEY VLEK, signed by a VCEK', report: set(0x48, 0x05), fails: ['signing-key'] },
  { title: 'a changed byte', tamper: set(0x90, 0), fails: ['signature'] },
  {
    title: 'a report by another key',
    chain: withLeaf({ publicKey: pair('other', 'p384').publicKey }),
    fails: ['signature'],
  },
  {
    title: 'a leaf with a key on P-256',
    chain: withLeaf({ publicKey: pair('p256', 'p256').publicKey }),
    fails: ['signature', 'certificate-algorithms'],
  },
  {
    title: 'a leaf with an RSA key',
    chain: withLeaf({ publicKey: pair('small', 'rsa2048').publicKey }),
    fails: ['signature', 'certificate-algorithms'],
  },

  {
    title: 'a leaf by another key in the name of the ASK',
    chain: withLeaf({ signer: pair('small', 'rsa2048').privateKey }),
    fails: ['chain'],
  },
  { title: 'a leaf signed with a salt of 32 bytes', chain: withLeaf({ saltBytes: 32 }), fails: ['chain'] },
  { title: 'an ASK signed over SHA-256', chain: withIntermediate({ hash: 'sha256' }), fails: ['chain'] },
  {
    title: 'a root that another key signed',
    chain: withRoot({ signer: pair('small', 'rsa2048').privateKey }),
    fails: ['chain'],
  },
  {
    title: 'a leaf whose body was changed and whose key was kept',
    input: ({ certificates }) => ({ certificates: certificates.map(alteredProduct) }),
    fails: ['chain'],
  },
  { title: "a whole chain of somebody's own", input: () => ({ anchors: AMD_ANCHORS }), fails: ['root'] },
  {
    title: "a whole chain of somebody's own with AMD's names",
    chain: (chain) => renamed(chain, 'Advanced Micro Devices'),
    input: () => ({ anchors: AMD_ANCHORS }),
    fails: ['root'],
  },
  {
    title: 'names of another organization under a trusted key',
    chain: (chain) => renamed(chain, 'Advanced Micro Devices'),
    fails: ['certificate-names'],
  },
  {
    title: 'a leaf of another organization',
    chain: withLeaf({ subject: madeName('SEV-VCEK', 'Other') }),
    fails: ['certificate-names'],
  },
  {
    title: 'a leaf with two organizations',
    chain: withLeaf({ subject: [['O', ORGANIZATION], ...madeName('SEV-VCEK')] }),
    fails: ['certificate-names'],
  },
  {
    title: 'an ASK of another product',
    chain: (chain) => {
      const subject = madeName('SEV-Genoa');
      return withLeaf({ issuer: subject })(withIntermediate({ subject })(chain));
    },
    fails: ['certificate-names'],
  },
  {
    title: 'a leaf that states another salt than it is signed with',
    chain: withLeaf({ stated: pssAlgorithm('implied', 32) }),
    fails: ['certificate-algorithms'],
  },
  {
    title: 'a leaf that states one algorithm inside and another outside',
    chain: withLeaf({ statedOutside: pssAlgorithm('stated') }),
    fails: ['certificate-algorithms'],
  },
  {
    title: 'an ASK of 2048 bits',
    chain: (chain) => {
      const { publicKey, privateKey } = pair('small', 'rsa2048');
      return withLeaf({ signer: privateKey })(withIntermediate({ publicKey })(chain));
    },
    fails: ['certificate-algorithms'],
  },
  { title: 'an ASK that is no CA', chain: withIntermediate({ extensions: [] }), fails: ['certificate-constraints'] },
  {
    title: 'an ASK of path length 1',
    chain: withIntermediate({ extensions: issuerExtensions(1) }),
    fails: ['certificate-constraints'],
  },
  {
    title: 'an ASK without a path length',
    chain: withIntermediate({ extensions: issuerExtensions(null) }),
    fails: ['certificate-constraints'],
  },
  {
    title: 'a root of path length 0',
    chain: withRoot({ extensions: issuerExtensions(0) }),
    fails: ['certificate-constraints'],
  },
  {
    title: 'an ASK that may sign lists only',
    chain: withIntermediate({ extensions: issuerExtensions(0, 0x02) }),
    fails: ['certificate-constraints'],
  },
  {
    title: 'a leaf that is a CA',
    chain: extending((all) => [...all, ...issuerExtensions(0)]),
    fails: ['certificate-constraints'],
  },
  {
    title: 'a leaf with a critical extension that nobody knows',
    chain: extending((all) => [...all, { oid: '1.2.3.4', critical: true, value: integer(1) }]),
    fails: ['certificate-constraints'],
  },
  {
    title: 'an expired leaf',
    chain: withLeaf({ notAfter: new Date('2026-06-01T11:59:59Z') }),
    fails: ['certificate-validity'],
  },
  {
    title: 'a leaf of tomorrow',
    chain: withLeaf({ notBefore: new Date('2026-06-02T00:00:00Z') }),
    fails: ['certificate-validity'],
  },
  {
    title: 'an expired ASK',
    chain: withIntermediate({ notAfter: new Date('2026-05-01T00:00:00Z') }),
    fails: ['certificate-validity'],
  },
  {
    title: 'an expired root',
    chain: withRoot({ notAfter: new Date('2026-05-01T00:00:00Z') }),
    fails: ['certificate-validity'],
  },

  { title: 'a stale list', chain: withCrl({ nextUpdate: new Date('2026-06-01T11:59:59Z') }), fails: ['crl'] },
  { title: 'a list of tomorrow', chain: withCrl({ thisUpdate: new Date('2026-06-02T00:00:00Z') }), fails: ['crl'] },
  { title: 'a list without an end', chain: withCrl({ nextUpdate: null }), fails: ['crl'] },
  {
    title: "a list in the root's name by another key",
    chain: withCrl({ signer: pair('small', 'rsa2048').privateKey }),
    fails: ['crl'],
  },
  { title: 'a list that states another salt', chain: withCrl({ stated: pssAlgorithm('stated', 20) }), fails: ['crl'] },
  {
    title: 'a list by a root that may not sign lists',
    chain: withRoot({ extensions: issuerExtensions(null, 0x04) }),
    fails: ['crl'],
  },
  { title: 'a revoked ASK', chain: withCrl({ serials: [0x99, 0x10001] }), fails: ['revocation'] },
  { title: 'a revoked ASVK', of: 'Milan VLEK', chain: withCrl({ serials: [0x10001] }), fails: ['revocation'] },
  { title: 'a revoked root', chain: withCrl({ serials: [0x10000] }), fails: ['revocation'] },

  { title: 'an SPL twice', chain: extending((all) => [...all, ...all.slice(2, 3)]), fails: ['certificate-extensions'] },
  {
    title: 'no snpSPL',
    chain: extending((all) => all.filter(({ oid }) => !oid.endsWith('.3.3'))),
    fails: ['certificate-extensions'],
  },
  { title: 'no hwID', chain: extending((all) => all.slice(0, -1)), fails: ['certificate-extensions'] },
  {
    title: 'an hwID of 65 bytes',
    chain: extending((all) => [...all.slice(0, -1), hwId(new Uint8Array(65))]),
    fails: ['certificate-extensions'],
  },
  {
    title: 'a VCEK with a provider',
    chain: extending((all) => [...all, cspIdOf('CN=x')]),
    fails: ['certificate-extensions'],
  },
  {
    title: 'a VLEK with an hwID',
    of: 'Milan VLEK',
    chain: extending((all) => [...all, hwId(CHIP_ID)]),
    fails: ['certificate-extensions'],
  },
  {
    title: 'a VLEK without a provider',
    of: 'Milan VLEK',
    chain: extending((all) => all.slice(0, -1)),
    fails: ['certificate-extensions'],
  },
  {
    title: 'a Milan VCEK with an fmcSPL',
    chain: extending((all) => [...all, { oid: '1.3.6.1.4.1.3704.1.3.9', value: integer(1) }]),
    fails: ['certificate-extensions'],
  },
  {
    title: 'an SPL above 255',
    chain: withLeaf({ extensions: milan({ ...MILAN_LEVELS, ucode: 256 }) }),
    fails: ['certificate-extensions'],
  },
  {
    title: 'an SPL in a longer form than it needs',
    chain: extending((all) =>
      all.map((one) => (one.oid.endsWith('.3.1') ? { ...one, value: Uint8Array.of(2, 2, 0, 4) } : one)),
    ),
    fails: ['certificate-extensions'],
  },
  {
    title: 'a product name that is no text',
    chain: extending((all) => all.map((one) => (one.oid.endsWith('.1.2') ? { ...one, value: ia5('Mil\x07an') } : one))),
    fails: ['certificate-extensions'],
  },
  {
    title: 'a structVersion that nobody knows',
    chain: extending((all) => all.map((one) => (one.oid.endsWith('3704.1.1') ? { ...one, value: integer(2) } : one))),
    fails: ['certificate-structure', 'certificate-tcb'],
  },
  {
    title: 'a VCEK of Turin under the root of Milan',
    chain: withLeaf({ extensions: [...newExtensions(TURIN_LEVELS), hwId(SHORT_CHIP_ID)] }),
    fails: ['certificate-structure', 'certificate-product', 'certificate-tcb', 'chip-id'],
  },
  {
    title: 'a VCEK that names another product',
    chain: withLeaf({ extensions: [...oldExtensions('Genoa', MILAN_LEVELS), hwId(CHIP_ID)] }),
    fails: ['certificate-product'],
  },
  {
    title: "a product name that only begins like the root's",
    chain: withLeaf({ extensions: [...oldExtensions('MilanX', MILAN_LEVELS), hwId(CHIP_ID)] }),
    fails: ['certificate-product'],
  },
  { title: 'the processor of another product, signed', report: set(0x189, 0x11), fails: ['product'] },
  { title: 'a processor that nobody knows, signed', report: set(0x188, 0x18), fails: ['product'] },
  ...(['bl', 'tee', 'snp', 'ucode'] as const).map(
    (component): Scenario => ({
      title: `a VCEK of another ${component} level`,
      chain: withLeaf({ extensions: milan({ ...MILAN_LEVELS, [component]: MILAN_LEVELS[component] + 1 }) }),
      fails: ['certificate-tcb'],
    }),
  ),
  {
    title: 'a VCEK of Turin with another fmc level',
    of: 'Turin VCEK',
    chain: withLeaf({ extensions: [...newExtensions({ ...TURIN_LEVELS, fmc: 2 }), hwId(SHORT_CHIP_ID)] }),
    fails: ['certificate-tcb'],
  },
  { title: 'the VCEK of another chip', report: set(0x1a0 + 63, 0), fails: ['chip-id'] },
  { title: 'the VCEK of another chip of Turin', of: 'Turin VCEK', report: set(0x1a0 + 7, 0), fails: ['chip-id'] },
  { title: 'a CHIP_ID of Turin with bytes behind it', of: 'Turin VCEK', report: set(0x1a0 + 8, 1), fails: ['chip-id'] },
  { title: 'a masked CHIP_ID', report: (bytes) => void bytes.fill(0, 0x1a0, 0x1e0), fails: ['chip-id'] },
];
