import type { WrongCertificates } from '../evidence/attestation-schema.ts';
import { rightIdentity } from './identity-scenarios.ts';
import type { Scenario } from './scenario.ts';

type Row = Pick<Scenario, 'name' | 'claim'> & { attestation: NonNullable<Scenario['attestation']> };

const POSITIVE: readonly Row[] = [
  {
    name: 'attestation/standard',
    claim: 'the report is genuine by the certificates of the key distribution service',
    attestation: { workflow: 'standard', launches: 1 },
  },
  {
    name: 'attestation/extended',
    claim: 'the report is genuine by the certificates that the host gave with it',
    attestation: { workflow: 'extended', launches: 1 },
  },
  {
    name: 'attestation/second-launch',
    claim: 'two launches of one cell have reports that say the same',
    attestation: { workflow: 'standard', launches: 2 },
  },
];

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

const NEGATIVE: readonly Row[] = REFUSED_FOR.map((refused) => ({
  name: `attestation/${refused}`,
  claim: NEEDS[refused].claim,
  attestation: { workflow: 'standard', launches: 1, refused },
}));

/** Launches whose report is verified to the root that is trusted; the policy is that of the cell. */
export const ATTESTATION_SCENARIOS: readonly Scenario[] = [...POSITIVE, ...NEGATIVE].map((row) => ({
  ...row,
  suite: 'attestation',
  source: 'AMD 56860, ATTESTATION_REPORT structure; AMD 57230, key distribution service; GHCB, extended guest request',
  guestPolicy: (cellPolicy) => cellPolicy,
  identity: rightIdentity,
  defects: [],
  expectation: { outcome: 'accepted' },
}));
