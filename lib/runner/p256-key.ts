import { generateKeyPairSync } from 'node:crypto';
import { DEFAULT_GUEST_POLICY } from '../identity/guest-policy.ts';
import { buildIdAuth } from '../identity/id-auth.ts';
import { buildIdBlock } from '../identity/id-block.ts';

/** A claim of the suite `identity` that is about this tool: nothing is launched for it, and nothing of it is played back. */
export const P256_CLAIM = 'identity/p256-key';

/**
 * Signs an ID block with a key of P-256. No firmware ever sees the outcome, for there is none.
 * @throws HarnessError KEY_INVALID, always   Source: AMD 56860, ID authentication information structure: P-384 only
 */
export function signWithP256Key(): Uint8Array {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const idBlock = buildIdBlock({ launchDigest: new Uint8Array(48), policy: DEFAULT_GUEST_POLICY });
  return buildIdAuth({ idBlock, idKey: privateKey });
}
