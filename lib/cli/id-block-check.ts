import { firmwareStatusName } from '../abi/firmware-status.ts';
import { EXIT_CODES } from '../errors.ts';
import { describeGuestPolicy } from '../identity/guest-policy.ts';
import { authorKeyDigest, idKeyDigest, parseIdAuth } from '../identity/id-auth.ts';
import { parseIdBlock } from '../identity/id-block.ts';
import { checkIdentity, firmwareAnswer, type IdentityInputs, type IdentityResult } from '../identity/identity-check.ts';
import { diagnoseSignatures } from '../identity/signature-diagnosis.ts';
import { QEMU_STATUS_WORDS } from '../refusals/status-names.ts';
import { hexOf } from './hex.ts';
import { ID_AUTH_STRUCTURE, ID_BLOCK_STRUCTURE, readStructure } from './id-block-input.ts';
import { type IdBlockFlags, idBlockUsage } from './id-block-options.ts';
import { type IdentityLaunch, identityLaunch } from './identity-launch.ts';

/** A result, and why a signature does not hold, where that can be told. */
type Told = IdentityResult & { why: string | null };

async function structures(
  flags: IdBlockFlags,
  { snp }: IdentityLaunch,
): Promise<{ idBlock: Uint8Array; idAuth: Uint8Array }> {
  if (flags.idBlock === '-' && flags.idAuth === '-') {
    throw idBlockUsage('both are to be read from standard input', 'put both into one file, and name it twice');
  }
  const idBlock =
    flags.idBlock === undefined ? (snp?.idBlock ?? null) : await readStructure(flags.idBlock, ID_BLOCK_STRUCTURE);
  const idAuth =
    flags.idAuth === undefined ? (snp?.idAuth ?? null) : await readStructure(flags.idAuth, ID_AUTH_STRUCTURE);
  if (idBlock === null) throw idBlockUsage('no ID block is given', 'give it with --id-block, or a launch that has one');
  if (idAuth === null) throw idBlockUsage('no ID auth is given', 'give it with --id-auth, or a launch that has one');
  return { idBlock, idAuth };
}

/** As the option says, else as the launch does, else on where there is an author key to enable. */
function authorKeyEnabled(flags: IdBlockFlags, { snp }: IdentityLaunch, idAuth: Uint8Array): boolean {
  if (flags.authorKeyEnabled !== undefined) return flags.authorKeyEnabled === 'on';
  if (snp !== null) return snp.authorKeyEnabled;
  return parseIdAuth(idAuth, { reserved: 'keep' }).authorKey.some((byte) => byte !== 0);
}

/** The line that QEMU would print; empty where the firmware launches. */
function qemuLine(answer: IdentityResult | null): string {
  const status = answer?.refusal ?? null;
  return status === null
    ? ''
    : `SNP_LAUNCH_FINISH ret=-5 fw_error=${status} '${QEMU_STATUS_WORDS[status] ?? 'unknown error'}'`;
}

function fieldsJson({ idBlock, idAuth, authorKeyEnabled: enabled }: IdentityInputs): object {
  const block = parseIdBlock(idBlock);
  const auth = parseIdAuth(idAuth, { reserved: 'keep' });
  const hasAuthor = auth.authorKey.some((byte) => byte !== 0);
  return {
    launchDigest: hexOf(block.launchDigest),
    familyId: hexOf(block.familyId),
    imageId: hexOf(block.imageId),
    version: block.version,
    guestSvn: block.guestSvn,
    policy: `0x${block.policy.toString(16)}`,
    idKeyDigest: hexOf(idKeyDigest(auth.idKey)),
    authorKeyDigest: hasAuthor ? hexOf(authorKeyDigest(auth.authorKey)) : null,
    authorKeyEnabled: enabled,
  };
}

function json(inputs: IdentityInputs, told: readonly Told[], answer: IdentityResult | null): string {
  const written = {
    right: told.every(({ status }) => status !== 'fail'),
    results: told.map(({ refusal, ...result }) => ({
      ...result,
      refusal: refusal === null ? null : { status: refusal, name: firmwareStatusName(refusal) },
    })),
    firmwareAnswer: answer && {
      check: answer.name,
      status: answer.refusal,
      name: firmwareStatusName(answer.refusal ?? 0),
      line: qemuLine(answer),
    },
    ...fieldsJson(inputs),
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

const WORDS = { pass: 'right', fail: 'WRONG', 'not-applicable': '-' } as const satisfies Record<
  IdentityResult['status'],
  string
>;

function resultLines({ name, status, detail, why, refusal }: Told): string[] {
  const consequence =
    status !== 'fail'
      ? []
      : [
          refusal === null
            ? 'published firmware does not look at it'
            : `alone it is refused with ${firmwareStatusName(refusal)} (${refusal})`,
        ];
  const lines = [detail, ...(why === null ? [] : [`why: ${why}`]), ...consequence];
  return lines.map((line, index) =>
    index === 0 ? `${WORDS[status].padEnd(6)} ${name.padEnd(19)} ${line}` : `${' '.repeat(27)}${line}`,
  );
}

function text(inputs: IdentityInputs, told: readonly Told[], answer: IdentityResult | null): string {
  const { idKeyDigest: idDigest, authorKeyDigest: authorDigest } = fieldsJson(inputs) as Record<string, string | null>;
  const block = parseIdBlock(inputs.idBlock);
  const wrong = told.filter(({ status }) => status === 'fail').map(({ name }) => name);
  const verdict =
    answer === null
      ? wrong.length === 0
        ? ['all that could be checked is right']
        : [`wrong: ${wrong.join(', ')}; published firmware launches it all the same`]
      : [
          `wrong: ${wrong.join(', ')}`,
          `the firmware would answer ${firmwareStatusName(answer.refusal ?? 0)} (${answer.refusal}), for ${answer.name}; QEMU would print`,
          `  ${qemuLine(answer)}`,
        ];
  return [
    ...told.flatMap(resultLines),
    '',
    `policy             ${describeGuestPolicy(block.policy)}`,
    `guest SVN          ${block.guestSvn}`,
    `family id          ${hexOf(block.familyId)}`,
    `image id           ${hexOf(block.imageId)}`,
    `ID key digest      ${idDigest}`,
    `author key digest  ${authorDigest ?? 'none'}`,
    '',
    ...verdict,
    '',
  ].join('\n');
}

/**
 * `snp-conform id-block --check`: holds an ID block and ID auth against a launch, offline, every aspect at once; the exit code
 * is 1 where something is wrong.
 * @throws HarnessError USAGE, ID_BLOCK_INVALID, FILE_UNREADABLE, and those of `identityLaunch`
 */
export async function checkIdBlock(flags: IdBlockFlags): Promise<void> {
  const launch = await identityLaunch(flags);
  const { idBlock, idAuth } = await structures(flags, launch);
  const inputs: IdentityInputs = {
    idBlock,
    idAuth,
    authorKeyEnabled: authorKeyEnabled(flags, launch, idAuth),
    launchDigest: launch.digest,
    policy: launch.policy,
  };
  const results = checkIdentity(inputs);
  const reasons = diagnoseSignatures(inputs, results);
  const told = results.map((result) => ({ ...result, why: reasons.get(result.name) ?? null }));
  const answer = firmwareAnswer(results);
  process.stdout.write(flags.json ? json(inputs, told, answer) : text(inputs, told, answer));
  if (told.some(({ status }) => status === 'fail')) process.exitCode = EXIT_CODES.failure;
}
