import { HarnessError } from '../errors.ts';
import { buildIdAuth } from '../identity/id-auth.ts';
import { buildIdBlock, type IdBlockContents } from '../identity/id-block.ts';
import type { Expectation } from './expectation.ts';
import type { IdentityInputs, Scenario, SentIdentity } from './scenario.ts';

/** The suite of launches that suites of one's own describe. */
export const OWN_SUITE = 'own';

/** What a suite of one's own changes of the launch of a cell. */
export interface LaunchOverrides {
  /** Names the launch in files and recordings: lower-case letters, digits and dashes, unique for its cell. */
  readonly name: string;
  /** What it is launched with in place of the policy of the cell. */
  readonly guestPolicy?: bigint | undefined;
  /** What its ID block says in place of what is predicted and launched with; it is signed all the same. */
  readonly idBlock?: Partial<IdBlockContents> | undefined;
  /** The ID block and ID auth that are sent, made altogether by the suite. */
  readonly identity?: ((inputs: IdentityInputs) => SentIdentity) | undefined;
  /** `verified`: the certificates of the report are gathered too, so that it can be verified. */
  readonly report?: 'verified' | undefined;
}

/** What must come of a launch is for the suite to say that describes it. */
export const OPEN: Expectation = { outcome: 'open' };

/** Is this the name of a launch that a suite of one's own described? */
export function isOwnLaunch(scenario: string | undefined): boolean {
  return scenario?.startsWith(`${OWN_SUITE}/`) ?? false;
}

/** An ID block of the owner, and its ID auth. */
function signedIdentity(
  { launchDigest, guestPolicy, owner }: IdentityInputs,
  change: Partial<IdBlockContents> = {},
): SentIdentity {
  const idBlock = buildIdBlock({ launchDigest, policy: guestPolicy, ...change });
  return { idBlock, idAuth: buildIdAuth({ idBlock, ...owner }), authorKeyEnabled: true };
}

/** A launch of one's own as the harness performs it. @throws HarnessError USAGE for a name that cannot be one */
export function ownScenario({ name, guestPolicy, idBlock, identity, report }: LaunchOverrides): Scenario {
  if (!/^[a-z0-9][a-z0-9-]{0,59}$/.test(name)) {
    const what = `${JSON.stringify(name)} is no name for a launch`;
    throw new HarnessError({ code: 'USAGE', what, hint: 'lower-case letters, digits and dashes, such as "old-key"' });
  }
  return {
    name: `${OWN_SUITE}/${name}`,
    suite: OWN_SUITE,
    claim: 'what the suite says that describes it',
    source: 'the suite that describes it',
    guestPolicy: (cellPolicy) => guestPolicy ?? cellPolicy,
    identity: identity ?? ((inputs) => signedIdentity(inputs, idBlock)),
    defects: [],
    expectation: OPEN,
    ...(report === 'verified' && { attestation: { workflow: 'standard' as const, launches: 1 as const } }),
  };
}
