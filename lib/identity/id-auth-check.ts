import { ALGO_ECDSA_P384_SHA384, ID_AUTH } from '../abi/id-auth.ts';
import { ID_BLOCK_VERSION } from '../abi/id-block.ts';
import { reservedViolations } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { publicKeyOf, signatureHolds } from './ecdsa.ts';
import { parseIdAuth } from './id-auth.ts';
import { parseIdBlock } from './id-block.ts';

/** One thing that must hold of an ID block and its ID auth. */
export interface IdAuthResult {
  name:
    | 'id-block-version'
    | 'id-key-algo'
    | 'id-key'
    | 'id-block-signature'
    | 'auth-key-algo'
    | 'author-key'
    | 'id-key-signature'
    | 'reserved';
  status: 'pass' | 'fail' | 'not-applicable';
  detail: string;
}

type Claim = Pick<IdAuthResult, 'status' | 'detail'>;

function claim(holds: boolean, held: string, broken: string): Claim {
  return holds ? { status: 'pass', detail: held } : { status: 'fail', detail: broken };
}

/** Runs a check; what it throws of the error family is how it failed. */
function attempt(check: () => Claim): Claim {
  try {
    return check();
  } catch (error) {
    if (error instanceof HarnessError) return { status: 'fail', detail: error.what };
    throw error;
  }
}

function algoClaim(algo: number): Claim {
  return claim(algo === ALGO_ECDSA_P384_SHA384, 'ECDSA P-384 with SHA-384', `expected algorithm 1, got ${algo}`);
}

function keyClaim(snpKey: Uint8Array): Claim {
  return attempt(() => {
    publicKeyOf(snpKey);
    return { status: 'pass', detail: 'a point of P-384' };
  });
}

function signatureClaim(signature: Uint8Array, message: Uint8Array, snpKey: Uint8Array, words: string): Claim {
  return attempt(() => claim(signatureHolds(signature, message, publicKeyOf(snpKey)), words, `not so: ${words}`));
}

/**
 * Verifies an ID block and its ID auth as the firmware would, without one; all results, not only the first failure.
 * @param idBlock 96 bytes   @param idAuth 4096 bytes
 * @param options.authorKeyEnabled is AUTH_KEY_EN set? If not, the author key is not looked at, nor by the firmware
 * @throws HarnessError LAYOUT_LENGTH
 * Source: AMD 56860, SNP_LAUNCH_FINISH. Version and reserved bytes are not checked by published firmware; newer may.
 */
export function checkIdAuth(
  idBlock: Uint8Array,
  idAuth: Uint8Array,
  { authorKeyEnabled }: { authorKeyEnabled: boolean },
): IdAuthResult[] {
  const { version } = parseIdBlock(idBlock);
  const auth = parseIdAuth(idAuth, { reserved: 'keep' });
  const violations = reservedViolations(ID_AUTH, idAuth);
  const ofAuthor = (check: () => Claim): Claim =>
    authorKeyEnabled ? check() : { status: 'not-applicable', detail: 'the author key is not enabled' };
  const signatures = {
    idBlock: () => signatureClaim(auth.idBlockSig, idBlock, auth.idKey, 'the ID key signed the ID block'),
    idKey: () => signatureClaim(auth.idKeySig, auth.idKey, auth.authorKey, 'the author key signed the ID key'),
  };
  return [
    { name: 'id-block-version', ...claim(version === ID_BLOCK_VERSION, 'version 1', `expected 1, got ${version}`) },
    { name: 'id-key-algo', ...algoClaim(auth.idKeyAlgo) },
    { name: 'id-key', ...keyClaim(auth.idKey) },
    { name: 'id-block-signature', ...signatures.idBlock() },
    { name: 'auth-key-algo', ...ofAuthor(() => algoClaim(auth.authKeyAlgo)) },
    { name: 'author-key', ...ofAuthor(() => keyClaim(auth.authorKey)) },
    { name: 'id-key-signature', ...ofAuthor(signatures.idKey) },
    { name: 'reserved', ...claim(violations.length === 0, 'all zero', `set: ${violations.join(', ')}`) },
  ];
}
