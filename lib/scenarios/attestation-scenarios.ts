import { rightIdentity } from './identity-scenarios.ts';
import { needOf, REFUSED_FOR } from './refused-for.ts';
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

const NEGATIVE: readonly Row[] = REFUSED_FOR.map((refused) => ({
  name: `attestation/${refused}`,
  claim: needOf(refused).claim,
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
