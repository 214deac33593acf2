import { parseIdBlock } from '../identity/id-block.ts';
import { checkIdentity, type IdentityResult, isWrongForLaunch } from '../identity/identity-check.ts';
import type { LaunchRule } from './launch-rule.ts';
import type { Finding, ParsedLaunch, SnpSettings } from './parsed-launch.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What is said of the ID block of a launch but for its digest; nothing where block or auth cannot be read. */
function identityResults(snp: SnpSettings | null): IdentityResult[] {
  if (!snp?.idBlock || snp.idAuth?.length !== 4096) return [];
  const { idBlock, idAuth, authorKeyEnabled } = snp;
  return checkIdentity({ idBlock, idAuth, authorKeyEnabled, launchDigest: null, policy: null });
}

/** The ID block that comes with a launch: it changes no digest, but a wrong one is refused at the end of the launch. */
export const ID_BLOCK_RULES: readonly LaunchRule[] = [
  {
    id: 'id-block-alone',
    severity: 'error',
    find: ({ launch: { snp } }) =>
      snp?.properties.has('id-block') && !snp.properties.has('id-auth')
        ? { what: 'id-block without id-auth', hint: 'the kernel refuses it with EINVAL; give both' }
        : null,
  },
  {
    id: 'id-auth-alone',
    severity: 'error',
    find: ({ launch: { snp } }) =>
      snp?.properties.has('id-auth') && !snp.properties.has('id-block')
        ? { what: 'id-auth without id-block', hint: 'nothing is checked by it; give both' }
        : null,
  },
  {
    id: 'author-key-alone',
    severity: 'error',
    find: ({ launch: { snp } }) =>
      snp?.authorKeyEnabled && !snp.properties.has('id-auth')
        ? { what: 'author-key-enabled=on without id-auth', hint: 'the author key is in the ID auth' }
        : null,
  },
  {
    id: 'id-block-policy',
    severity: 'error',
    find: ({ launch: { snp } }) => {
      if (!snp?.idBlock || snp.policy === null) return null;
      const { policy } = parseIdBlock(snp.idBlock);
      if (policy === snp.policy) return null;
      return {
        what: `the ID block was made for policy 0x${policy.toString(16)}, the launch has 0x${snp.policy.toString(16)}`,
        hint: 'the firmware refuses it with POLICY_FAILURE (7)',
      };
    },
  },
  {
    id: 'id-auth-check',
    severity: 'error',
    find: ({ launch: { snp } }) =>
      identityResults(snp)
        .filter((result) => isWrongForLaunch(result) && result.name !== 'reserved')
        .map(({ name, detail }) => ({ what: `${name}: ${detail}`, hint: 'the firmware refuses the ID block' })),
  },
  {
    id: 'author-key-not-enabled',
    severity: 'warning',
    find: ({ launch: { snp } }) =>
      identityResults(snp)
        .filter((result) => result.status === 'fail' && !isWrongForLaunch(result))
        .map(({ detail }) => ({ what: detail, hint: 'add author-key-enabled=on' })),
  },
];

/** What the ID block says of a predicted digest. @param digest 48 bytes */
export function digestFinding({ snp }: ParsedLaunch, digest: Uint8Array): Finding | null {
  if (!snp?.idBlock) return null;
  const { launchDigest } = parseIdBlock(snp.idBlock);
  if (hexOf(launchDigest) === hexOf(digest)) {
    return { id: 'id-block-digest', severity: 'info', what: 'the ID block holds the predicted digest', hint: null };
  }
  return {
    id: 'id-block-digest',
    severity: 'error',
    what: `the ID block was made for ${hexOf(launchDigest)}, predicted is ${hexOf(digest)}`,
    hint: 'the firmware refuses it with BAD_MEASUREMENT (11), or features, FPU state or a file are not those of the host',
  };
}
