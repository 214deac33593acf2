import { createHash, type KeyObject, verify } from 'node:crypto';
import { ECDSA_SIGNATURE } from '../abi/id-auth.ts';
import { ID_BLOCK } from '../abi/id-block.ts';
import { parseLayout, serialiseLayout } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { publicKeyOf } from './ecdsa.ts';
import { DEFAULT_GUEST_POLICY } from './guest-policy.ts';
import { parseIdAuth } from './id-auth.ts';
import { parseIdBlock } from './id-block.ts';
import type { IdentityInputs, IdentityResult } from './identity-check.ts';

/** Bytes of R or S, and of the field that holds one. */
const SCALAR_BYTES = 48;
const FIELD_BYTES = 72;

/** Something that a signature may have been made over, and what it would mean. */
interface Message {
  bytes: Uint8Array;
  means: string;
}

/** One way to read a signature. @returns R and S, 48 bytes each, big-endian */
interface Reading {
  rs: Uint8Array;
  means: string;
}

const reversed = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes).reverse();
const sha384 = (bytes: Uint8Array): Uint8Array => createHash('sha384').update(bytes).digest();
const holds = (rs: Uint8Array, message: Uint8Array, key: KeyObject): boolean =>
  verify('sha384', message, { key, dsaEncoding: 'ieee-p1363' }, rs);

/** The ways in which tools have written R and S. Source: virtee/sev-snp-measure, issues 28 and 29; AMD 56860, for the right one. */
function readingsOf(signature: Uint8Array): Reading[] {
  const { r, s } = parseLayout(ECDSA_SIGNATURE, signature, 'signature', { reserved: 'keep' });
  const both = (of: (field: Uint8Array) => Uint8Array, means: string): Reading => ({
    rs: new Uint8Array(Buffer.concat([of(r), of(s)])),
    means,
  });
  const little = (field: Uint8Array): Uint8Array => reversed(field.subarray(0, SCALAR_BYTES));
  return [
    both(little, ''),
    { rs: new Uint8Array(Buffer.concat([little(s), little(r)])), means: 'R and S are the wrong way around' },
    both((field) => field.subarray(0, SCALAR_BYTES), 'R and S are big-endian; they must be little-endian'),
    both((field) => field.subarray(FIELD_BYTES - SCALAR_BYTES), 'R and S are big-endian; they must be little-endian'),
    {
      rs: new Uint8Array(
        Buffer.concat([reversed(signature.subarray(0, 48)), reversed(signature.subarray(SCALAR_BYTES, 96))]),
      ),
      means: 'R and S have 48 bytes each; they must be padded with zeros to 72',
    },
    {
      rs: Uint8Array.from(signature.subarray(0, 96)),
      means: 'R and S are 48 bytes big-endian; they must be 72 little-endian',
    },
  ];
}

/** A block as it may have been when it was signed: with a field as it is in the launch, or as it is by default. */
function earlierBlocks(idBlock: Uint8Array, { launchDigest, policy }: IdentityInputs): Message[] {
  const block = parseIdBlock(idBlock);
  const changed = (fields: Partial<typeof block>, names: string): Message => ({
    bytes: serialiseLayout(ID_BLOCK, { ...block, ...fields }, 'ID block'),
    means: `the block was changed after it was signed: ${names}`,
  });
  const zeros = new Uint8Array(16);
  const digests = launchDigest === null ? [] : [launchDigest];
  const policies = [...new Set([policy ?? DEFAULT_GUEST_POLICY, DEFAULT_GUEST_POLICY])];
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  return [
    ...digests.map((digest) =>
      changed({ launchDigest: digest }, 'it was signed with the launch digest of this launch'),
    ),
    ...policies.map((each) => changed({ policy: each }, `it was signed with the policy ${hex(each)}`)),
    ...digests.flatMap((digest) =>
      policies.map((each) =>
        changed(
          { launchDigest: digest, policy: each },
          `it was signed with the launch digest of this launch and the policy ${hex(each)}`,
        ),
      ),
    ),
    changed({ version: 1 }, 'it was signed with version 1'),
    changed({ guestSvn: 0 }, 'it was signed with guest SVN 0'),
    changed({ familyId: zeros }, 'it was signed with a family id of zeros'),
    changed({ imageId: zeros }, 'it was signed with an image id of zeros'),
    changed(
      { familyId: zeros, imageId: zeros, guestSvn: 0 },
      'it was signed with family id, image id and guest SVN zero',
    ),
  ];
}

/** Other forms of a message that tools have signed in its place. */
function otherForms(message: Uint8Array): Message[] {
  return [
    { bytes: sha384(message), means: 'it is of the hash of the hash: SHA-384 was made twice' },
    { bytes: Buffer.from(Buffer.from(message).toString('hex')), means: 'it is of the hex text, not of the bytes' },
    {
      bytes: Buffer.from(Buffer.from(message).toString('base64')),
      means: 'it is of the base64 text, not of the bytes',
    },
  ];
}

/** Other forms of a public key that an author may have signed. */
function keyForms(snpKey: Uint8Array): Message[] {
  const key = usable(snpKey);
  if (key === undefined) return [];
  const spki = key.export({ type: 'spki', format: 'der' });
  return [
    { bytes: spki, means: 'it is of the key in DER, not of the 1028 bytes of ID_KEY' },
    { bytes: spki.subarray(-97), means: 'it is of the point of the key, not of the 1028 bytes of ID_KEY' },
    { bytes: snpKey.subarray(0, 0x94), means: 'it is of ID_KEY without its reserved bytes' },
  ];
}

/** The key of a structure; undefined where it is none. */
function usable(snpKey: Uint8Array): KeyObject | undefined {
  try {
    return publicKeyOf(snpKey, { reserved: 'keep' });
  } catch (error) {
    if (error instanceof HarnessError) return undefined;
    throw error;
  }
}

interface Suspect {
  signature: Uint8Array;
  message: Uint8Array;
  key: Uint8Array;
  others: readonly Message[];
  /** A key that may have signed in its place. */
  otherKey: { key: Uint8Array; means: string };
}

function diagnose({ signature, message, key, others, otherKey }: Suspect): string | null {
  const own = usable(key);
  const other = usable(otherKey.key);
  if (own === undefined) return null;
  const [right, ...strange] = readingsOf(signature);
  if (right === undefined) return null;
  const misread = strange.find(({ rs }) => holds(rs, message, own));
  if (misread !== undefined) return misread.means;
  if (other !== undefined && holds(right.rs, message, other)) return otherKey.means;
  return others.find(({ bytes }) => holds(right.rs, bytes, own))?.means ?? null;
}

/**
 * Why the signatures that do not hold do not, where that can be told: how R and S were written, what was signed in place of
 * the block or key, what of the block was changed since, or which key signed. It takes some dozen verifications.
 * @returns a reason by check; checks of which nothing can be told are not in it
 */
export function diagnoseSignatures(
  inputs: IdentityInputs,
  results: readonly IdentityResult[],
): Map<IdentityResult['name'], string> {
  const auth = parseIdAuth(inputs.idAuth, { reserved: 'keep' });
  const isWrong = (name: IdentityResult['name']): boolean =>
    results.some((result) => result.name === name && result.status === 'fail');
  const suspects = {
    'id-block-signature': {
      signature: auth.idBlockSig,
      message: inputs.idBlock,
      key: auth.idKey,
      others: [...otherForms(inputs.idBlock), ...earlierBlocks(inputs.idBlock, inputs)],
      otherKey: { key: auth.authorKey, means: 'the author key signed the block; the ID key must' },
    },
    'id-key-signature': {
      signature: auth.idKeySig,
      message: auth.idKey,
      key: auth.authorKey,
      others: [...otherForms(auth.idKey), ...keyForms(auth.idKey)],
      otherKey: { key: auth.idKey, means: 'the ID key signed itself; the author key must' },
    },
  } as const satisfies Partial<Record<IdentityResult['name'], Suspect>>;
  const reasons = Object.entries(suspects).flatMap(([name, suspect]) => {
    const why = isWrong(name as keyof typeof suspects) ? diagnose(suspect) : null;
    return why === null ? [] : [[name as keyof typeof suspects, why] as const];
  });
  return new Map(reasons);
}
