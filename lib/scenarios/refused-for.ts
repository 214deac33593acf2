import type { WrongCertificates } from '../evidence/attestation-schema.ts';

/** Under what a report that is genuine and wanted must be refused. */
export const REFUSED_FOR = [
  'tampered-report',
  'stale-nonce',
  'certificate-of-another-chip',
  'revoked-certificate',
  'expired-certificate',
  'untrusted-root',
  'vlek-of-another-provider',
  'empty-host-cache',
  'stale-host-cache',
] as const;
export type RefusedFor = (typeof REFUSED_FOR)[number];

/** What a refusal needs beyond the report and its certificates. */
interface Need {
  readonly claim: string;
  /** Made by who issued the certificates: AMD does that for nobody, an emulated host's issuer does. */
  readonly wrong?: WrongCertificates;
  /** Only a VLEK names a provider, only a VCEK is of one chip. */
  readonly key?: 'VCEK' | 'VLEK';
}

const NEEDS: Readonly<Record<RefusedFor, Need>> = {
  'tampered-report': { claim: 'a report in which one bit was flipped is refused' },
  'stale-nonce': { claim: 'a report over another nonce than the one that was sent is refused' },
  'certificate-of-another-chip': {
    claim: 'the certificate of another chip proves nothing',
    wrong: 'other-chip',
    key: 'VCEK',
  },
  'revoked-certificate': { claim: 'a chain of which a certificate was revoked proves nothing', wrong: 'revoked' },
  'expired-certificate': { claim: 'a certificate that has run out proves nothing' },
  'untrusted-root': { claim: 'a chain whose root nobody trusts proves nothing' },
  'vlek-of-another-provider': { claim: 'the VLEK of another provider than was named is refused', key: 'VLEK' },
  'empty-host-cache': { claim: 'without a certificate of its key a report is not proven' },
  'stale-host-cache': { claim: 'the certificate of an earlier TCB proves nothing', wrong: 'stale' },
};

/** What a refusal needs; what is not there of it makes the scenario one that cannot be launched here. */
export const needOf = (refused: RefusedFor): Need => NEEDS[refused];
