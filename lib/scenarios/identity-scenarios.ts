import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { ID_AUTH } from '../abi/id-auth.ts';
import { fieldOf } from '../abi/layout.ts';
import { buildIdAuth } from '../identity/id-auth.ts';
import { buildIdBlock } from '../identity/id-block.ts';
import { ERRNO } from '../refusals/kvm-refusals.ts';
import { type Expectation, refusedByFirmware, refusedByKvm } from './expectation.ts';
import type { IdentityInputs, Scenario, SentIdentity } from './scenario.ts';

const FINISH = 'AMD 56860, SNP_LAUNCH_FINISH';
const KEPT = `${FINISH}; the order as AMD's published firmware has it`;
const { BAD_MEASUREMENT, BAD_SIGNATURE, INVALID_PARAM, POLICY_FAILURE } = FIRMWARE_STATUS;
/** A bit that a guest owner forbids and a host may have set. */
const DEBUG = 1n << 19n;
/** No algorithm of this number is defined. Source: AMD 56860, ID_KEY_ALGO */
const UNKNOWN_ALGORITHM = 2;

const ACCEPTED: Expectation = { outcome: 'accepted' };

function refused(status: number, why: string): Expectation {
  return { outcome: 'refused', refusal: refusedByFirmware('SNP_LAUNCH_FINISH', status), why };
}

/** What is changed of an identity in which nothing is wrong. */
interface Change {
  launchDigest?: (digest: Uint8Array) => Uint8Array;
  policy?: (policy: bigint) => bigint;
  /** Of the ID auth, after it was signed. */
  idAuth?: (idAuth: Uint8Array, inputs: IdentityInputs) => void;
  authorKeyEnabled?: boolean;
  withoutAuthorKey?: boolean;
}

/** An identity of the guest owner, changed. */
function identity(change: Change = {}): Scenario['identity'] {
  return (inputs): SentIdentity => {
    const { launchDigest, guestPolicy, owner } = inputs;
    const idBlock = buildIdBlock({
      launchDigest: change.launchDigest?.(launchDigest) ?? launchDigest,
      policy: change.policy?.(guestPolicy) ?? guestPolicy,
    });
    const authorKey = change.withoutAuthorKey === true ? undefined : owner.authorKey;
    const idAuth = buildIdAuth({ idBlock, idKey: owner.idKey, authorKey });
    change.idAuth?.(idAuth, inputs);
    return { idBlock, idAuth, authorKeyEnabled: change.authorKeyEnabled ?? true };
  };
}

function withBitFlipped(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
}

/** Flips the lowest bit of R in a signature of an ID auth. */
const breakSignature =
  (field: 'idBlockSig' | 'idKeySig') =>
  (idAuth: Uint8Array): void =>
    idAuth.set(withBitFlipped(idAuth, fieldOf(ID_AUTH, field).at));

/** Puts a field of another ID auth into this one. */
function replaceField(idAuth: Uint8Array, field: (typeof ID_AUTH)[number]['name'], other: Uint8Array): void {
  const { at, bytes } = fieldOf(ID_AUTH, field);
  idAuth.set(other.subarray(at, at + bytes), at);
}

/** The ID auth that a stranger would make of the same ID block, with the owner's public ID key where it is signed. */
function strangersIdAuth({ launchDigest, guestPolicy, stranger }: IdentityInputs): Uint8Array {
  return buildIdAuth({ idBlock: buildIdBlock({ launchDigest, policy: guestPolicy }), ...stranger });
}

const setKeyAlgorithm = (idAuth: Uint8Array): void => idAuth.set([UNKNOWN_ALGORITHM], fieldOf(ID_AUTH, 'idKeyAlgo').at);

type Row = Omit<Scenario, 'suite' | 'guestPolicy'>;

const ROWS: readonly Row[] = [
  {
    name: 'identity/right',
    claim: 'a right digest, policy and both signatures let the guest run',
    source: FINISH,
    identity: identity(),
    defects: [],
    expectation: ACCEPTED,
  },
  {
    name: 'identity/no-id-block',
    claim: 'without an ID block any guest runs, and its report names no keys',
    source: FINISH,
    identity: () => ({ idBlock: null, idAuth: null, authorKeyEnabled: false }),
    defects: ['no-id-block', 'no-id-auth'],
    expectation: ACCEPTED,
  },
  {
    name: 'identity/no-author-key',
    claim: 'an ID key that no author signed suffices',
    source: FINISH,
    identity: identity({ withoutAuthorKey: true, authorKeyEnabled: false }),
    defects: [],
    expectation: ACCEPTED,
  },
  {
    name: 'identity/author-key-not-enabled',
    claim: 'an author key that is named but not enabled is not looked at: not even its broken signature is seen',
    source: FINISH,
    identity: identity({ authorKeyEnabled: false, idAuth: breakSignature('idKeySig') }),
    defects: [],
    expectation: ACCEPTED,
  },
  {
    name: 'identity/wrong-digest',
    claim: 'one wrong bit in the launch digest is seen',
    source: FINISH,
    identity: identity({ launchDigest: (digest) => withBitFlipped(digest, digest.length - 1) }),
    defects: ['launch-digest'],
    expectation: refused(BAD_MEASUREMENT, 'the digest of the ID block differs from the measured one in its last bit'),
  },
  {
    name: 'identity/wrong-policy',
    claim: 'a guest policy other than the one of the ID block is seen',
    source: FINISH,
    identity: identity({ policy: (policy) => policy ^ DEBUG }),
    defects: ['policy'],
    expectation: refused(POLICY_FAILURE, 'the policy of the ID block differs from the one launched with in DEBUG'),
  },
  {
    name: 'identity/broken-block-signature',
    claim: 'a broken signature of the ID block is seen',
    source: FINISH,
    identity: identity({ idAuth: breakSignature('idBlockSig') }),
    defects: ['id-block-signature'],
    expectation: refused(BAD_SIGNATURE, 'a bit of the signature over the ID block is flipped'),
  },
  {
    name: 'identity/block-signed-by-another-key',
    claim: 'an ID block that another key signed than the ID key is seen',
    source: FINISH,
    identity: identity({
      idAuth: (idAuth, inputs) => replaceField(idAuth, 'idBlockSig', strangersIdAuth(inputs)),
    }),
    defects: ['id-block-signature'],
    expectation: refused(BAD_SIGNATURE, 'the signature over the ID block is by another key than the ID key beside it'),
  },
  {
    name: 'identity/broken-author-signature',
    claim: 'a broken signature of the author is seen',
    source: FINISH,
    identity: identity({ idAuth: breakSignature('idKeySig') }),
    defects: ['id-key-signature'],
    expectation: refused(BAD_SIGNATURE, "a bit of the author key's signature over the ID key is flipped"),
  },
  {
    name: 'identity/id-key-signed-by-another-author',
    claim: 'an ID key that another author signed than the one beside it is seen',
    source: FINISH,
    identity: identity({
      idAuth: (idAuth, inputs) => replaceField(idAuth, 'authorKey', strangersIdAuth(inputs)),
    }),
    defects: ['id-key-signature'],
    expectation: refused(BAD_SIGNATURE, 'the author key is not the one that signed the ID key'),
  },
  {
    name: 'identity/author-key-absent',
    claim: 'an author key that is enabled and not there is seen',
    source: KEPT,
    identity: identity({ withoutAuthorKey: true }),
    defects: ['author-key-enabled'],
    expectation: refused(INVALID_PARAM, 'AUTH_KEY_ALGO is 0, which is no algorithm'),
  },
  {
    name: 'identity/unknown-algorithm',
    claim: 'an ID key of an algorithm that is none is seen',
    source: KEPT,
    identity: identity({ idAuth: setKeyAlgorithm }),
    defects: ['id-key-algo'],
    expectation: refused(INVALID_PARAM, 'ID_KEY_ALGO is 2, which is no algorithm'),
  },
  {
    name: 'identity/no-id-auth',
    claim: 'an ID block without ID auth is refused by KVM, which does not ask the firmware',
    source: 'Linux, drivers/crypto/ccp/sev-dev.c, psp_copy_user_blob',
    identity: (inputs) => ({ ...identity()(inputs), idAuth: null, authorKeyEnabled: false }),
    defects: ['no-id-auth'],
    expectation: {
      outcome: 'refused',
      refusal: refusedByKvm('SNP_LAUNCH_FINISH', ERRNO.EINVAL),
      why: 'QEMU hands over an ID block and no ID auth',
    },
  },
  {
    name: 'identity/policy-and-signatures-wrong',
    claim: 'of policy and signatures, all wrong, the policy is told',
    source: FINISH,
    identity: identity({
      policy: (policy) => policy ^ DEBUG,
      idAuth: (idAuth) => {
        breakSignature('idBlockSig')(idAuth);
        breakSignature('idKeySig')(idAuth);
      },
    }),
    defects: ['policy', 'id-block-signature', 'id-key-signature'],
    expectation: refused(POLICY_FAILURE, 'the policy is compared before the signatures'),
  },
  {
    name: 'identity/everything-wrong',
    claim: 'of digest, policy, algorithm and signatures, all wrong, the digest is told',
    source: FINISH,
    identity: identity({
      launchDigest: (digest) => withBitFlipped(digest, 0),
      policy: (policy) => policy ^ DEBUG,
      idAuth: (idAuth) => {
        setKeyAlgorithm(idAuth);
        breakSignature('idBlockSig')(idAuth);
        breakSignature('idKeySig')(idAuth);
      },
    }),
    defects: ['launch-digest', 'policy', 'id-key-algo', 'id-block-signature', 'id-key-signature'],
    expectation: refused(BAD_MEASUREMENT, 'the digest is compared before everything else'),
  },
];

/** Ways in which an ID block is right, or wrong in one thing or several, and what the firmware says of each. */
export const IDENTITY_SCENARIOS: readonly Scenario[] = ROWS.map((row) => ({
  ...row,
  suite: 'identity',
  guestPolicy: (cellPolicy) => cellPolicy,
}));

/** The identity of every launch in which nothing is meant to be wrong. */
export const rightIdentity: Scenario['identity'] = identity();
