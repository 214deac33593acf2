import { Command } from 'commander';
import { DEFAULT_GUEST_POLICY, describeGuestPolicy } from '../identity/guest-policy.ts';
import { authorKeyDigest, idKeyDigest, parseIdAuth } from '../identity/id-auth.ts';
import { buildIdBlock, parseIdBlock } from '../identity/id-block.ts';
import { guestPolicyIsValid, policySuspicion } from '../identity/policy-suspicions.ts';
import { hexOf } from './hex.ts';
import { checkIdBlock } from './id-block-check.ts';
import { addIdBlockOptions, checkIdBlockFlags, type IdBlockFlags, idBlockUsage } from './id-block-options.ts';
import { type IdentityLaunch, identityLaunch } from './identity-launch.ts';
import { signIdBlock } from './owner-keys.ts';

const EXAMPLES = `
Examples:
  snp-conform id-block --digest "$DIGEST" --id-key id.pem --author-key author.pem
  snp-conform id-block --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-v4 --policy 0x30000 --id-key id.pem --object
  snp-conform id-block --from-argv launch.sh --id-key id.pub.pem --signer 'pkcs11-sign --label id'
  snp-conform id-block --check --from-argv /proc/4711/cmdline --root /
  snp-conform id-block --check --id-block block.b64 --id-auth auth.b64 --digest "$DIGEST" --policy 0x30000

A signer is run without a shell. It gets the 48 bytes of the SHA-384 digest on its standard input and writes the
signature: DER, or R and S in 96 bytes, as bytes, hex or base64. SNP_CONFORM_SIGNING_KEY tells it which key is asked for:
id-key or author-key.`;

/** The bits of the host that an object needs and a launch does not tell. Source: AMD, SNP host guides. */
const CBITPOS = 51;

/** What was made. */
interface Made {
  idBlock: Uint8Array;
  idAuth: Uint8Array;
  authorKeyEnabled: boolean;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** The values of QEMU's properties. */
function properties({ idBlock, idAuth, authorKeyEnabled }: Made): [key: string, value: string][] {
  return [
    ['id-block', base64(idBlock)],
    ['id-auth', base64(idAuth)],
    ['author-key-enabled', authorKeyEnabled ? 'on' : 'off'],
  ];
}

/** A ready -object: that of the whole launch with the two values in it, or a fresh one. */
function object(made: Made, { snp, kernelHashes }: IdentityLaunch, flags: IdBlockFlags): string {
  const fresh: [string, string][] = [
    ['id', 'sev0'],
    ['cbitpos', String(flags.cbitpos ?? CBITPOS)],
    ['reduced-phys-bits', '1'],
    ...(kernelHashes ? [['kernel-hashes', 'on'] as [string, string]] : []),
  ];
  const kept = snp === null ? fresh : [...snp.properties].filter(([key]) => key !== 'qom-type');
  const all = new Map([
    ...kept,
    ...(flags.cbitpos === undefined ? [] : [['cbitpos', String(flags.cbitpos)] as const]),
    ['policy', `0x${parseIdBlock(made.idBlock).policy.toString(16)}`] as const,
    ...properties(made),
  ]);
  // A comma inside a value is doubled. Source: QEMU, util/qemu-option.c.
  const written = [...all].map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`);
  return `-object sev-snp-guest,${written.join(',')}`;
}

function json(made: Made, launch: IdentityLaunch, flags: IdBlockFlags): string {
  const block = parseIdBlock(made.idBlock);
  const auth = parseIdAuth(made.idAuth);
  const written = {
    idBlock: base64(made.idBlock),
    idAuth: base64(made.idAuth),
    authorKeyEnabled: made.authorKeyEnabled,
    launchDigest: hexOf(block.launchDigest),
    policy: `0x${block.policy.toString(16)}`,
    familyId: hexOf(block.familyId),
    imageId: hexOf(block.imageId),
    version: block.version,
    guestSvn: block.guestSvn,
    idKeyDigest: hexOf(idKeyDigest(auth.idKey)),
    authorKeyDigest: made.authorKeyEnabled ? hexOf(authorKeyDigest(auth.authorKey)) : null,
    object: object(made, launch, flags),
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

/** Tells on standard error what is likely to be a mistake, for a block of it is made all the same. */
function warnOfPolicy(policy: bigint): void {
  if (guestPolicyIsValid(policy)) return;
  const suspicion = policySuspicion(policy);
  const looks = suspicion === null ? '' : `; ${suspicion.why}`;
  process.stderr.write(`warning: no firmware launches the policy ${describeGuestPolicy(policy)}${looks}\n`);
}

async function makeIdBlock(flags: IdBlockFlags): Promise<void> {
  const launch = await identityLaunch(flags);
  if (launch.digest === null) {
    throw idBlockUsage(
      'no launch is given',
      'give its digest with --digest, or what `predict` takes: --ovmf, --vcpus, --vcpu-type, ..., or --from-argv',
    );
  }
  const policy = launch.policy ?? DEFAULT_GUEST_POLICY;
  warnOfPolicy(policy);
  const { familyId, imageId, guestSvn, blockVersion } = flags;
  const idBlock = buildIdBlock({
    launchDigest: launch.digest,
    policy,
    ...(familyId && { familyId }),
    ...(imageId && { imageId }),
    ...(guestSvn !== undefined && { guestSvn }),
    ...(blockVersion !== undefined && { version: blockVersion }),
  });
  const made: Made = { idBlock, ...(await signIdBlock(idBlock, flags)) };
  if (flags.json) process.stdout.write(json(made, launch, flags));
  else if (flags.object) process.stdout.write(`${object(made, launch, flags)}\n`);
  else
    process.stdout.write(
      properties(made)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
}

/** `snp-conform id-block`: makes the ID block and ID auth of a launch, or checks those that there are. */
export function idBlockCommand(): Command {
  const command = new Command('id-block');
  return addIdBlockOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: IdBlockFlags) => {
      checkIdBlockFlags(flags);
      return flags.check ? checkIdBlock(flags) : makeIdBlock(flags);
    });
}
