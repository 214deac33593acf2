import { type Command, Option } from 'commander';
import { HarnessError } from '../errors.ts';
import { parseUnsigned } from './numbers.ts';
import { addOwnerKeyOptions, type OwnerKeyFlags } from './owner-keys.ts';
import { addLaunchInputOptions, type PredictOptions } from './predict-options.ts';

/** The options of `id-block` as commander gives them: the launch as `predict` takes it, the keys, and what is in the block. */
export interface IdBlockFlags extends PredictOptions, OwnerKeyFlags {
  digest?: string;
  policy?: bigint;
  familyId?: Uint8Array;
  imageId?: Uint8Array;
  guestSvn?: number;
  blockVersion?: number;
  object?: true;
  cbitpos?: number;
  check?: true;
  idBlock?: string;
  idAuth?: string;
  authorKeyEnabled?: 'on' | 'off';
}

/** An error of the command line of `id-block`. */
export function idBlockUsage(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: 'snp-conform id-block', hint });
}

const ID_BYTES = 16;

/** 16 bytes as 32 hex digits, with 0x or not; a GUID's dashes do not matter, its bytes stay in the order in which they stand. */
function parseId(text: string, option: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replaceAll('-', '');
  if (/^[0-9a-f]{32}$/i.test(digits)) return new Uint8Array(Buffer.from(digits, 'hex'));
  throw new HarnessError({
    code: 'HEX_INVALID',
    what: `expected ${ID_BYTES} bytes as 32 hex digits, got ${JSON.stringify(text.slice(0, 60))}`,
    where: option,
    hint: 'a text is given as the hex of its bytes, padded with zeros',
  });
}

const id = (option: string) => (text: string) => parseId(text, option);
const number = (option: string) => (text: string) => Number(parseUnsigned(text, option, 32, 'NUMBER_INVALID'));

function addContentOptions(command: Command): Command {
  const policy = (option: string) => (text: string) => parseUnsigned(text, option, 64, 'GUEST_POLICY_INVALID');
  return command
    .option('--digest <digest>', 'the launch digest itself, in hex or base64, in place of what is launched')
    .option(
      '--policy <number>',
      'the guest policy of the launch (default: 0x30000, or that of the whole launch)',
      policy('--policy'),
    )
    .option('--family-id <hex>', 'FAMILY_ID, 16 bytes (default: zeros)', id('--family-id'))
    .option('--image-id <hex>', 'IMAGE_ID, 16 bytes (default: zeros)', id('--image-id'))
    .option('--guest-svn <number>', 'GUEST_SVN, 32 bits (default: 0)', number('--guest-svn'))
    .addOption(
      new Option('--block-version <number>', 'VERSION, for tests of firmware that looks at it (default: 1)').argParser(
        number('--block-version'),
      ),
    );
}

/** Adds all options of `id-block`. */
export function addIdBlockOptions(command: Command): Command {
  addContentOptions(command);
  addOwnerKeyOptions(command);
  command
    .option('--object', 'print a ready -object sev-snp-guest in place of the two values')
    .option('--cbitpos <number>', 'with --object: cbitpos of the host (default: 51)', number('--cbitpos'))
    .option('--json', 'print JSON')
    .option('--check', 'check an ID block and ID auth against a launch, in place of making them')
    .option('--id-block <value>', 'with --check: the ID block, as base64, hex, or a file of these or of its bytes')
    .option('--id-auth <value>', 'with --check: the ID auth, likewise; - is standard input')
    .addOption(
      new Option(
        '--author-key-enabled <state>',
        'with --check: as QEMU is told (default: that of the whole launch, else on where there is an author key)',
      ).choices(['on', 'off']),
    );
  return addLaunchInputOptions(command);
}

const ONLY_CHECK = ['idBlock', 'idAuth', 'authorKeyEnabled'] as const;
const ONLY_BUILD = [
  ...(['familyId', 'imageId', 'guestSvn', 'blockVersion', 'object', 'cbitpos', 'idKey', 'signer'] as const),
  ...(['authorKey', 'authorSigner', 'signerTimeout', 'idKeyPassphraseFile', 'idKeyPassphraseEnv'] as const),
  ...(['authorKeyPassphraseFile', 'authorKeyPassphraseEnv'] as const),
];

/** Holds the command line to what it is asked to do. @throws HarnessError USAGE */
export function checkIdBlockFlags(flags: IdBlockFlags): void {
  const typed = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const strays: readonly (keyof IdBlockFlags)[] = flags.check ? ONLY_BUILD : ONLY_CHECK;
  const stray = strays.find((name) => flags[name] !== undefined);
  if (stray !== undefined) {
    const hint = flags.check ? 'with --check nothing is made' : 'it goes with --check';
    throw idBlockUsage(
      `${typed(stray)} ${flags.check ? 'does not go with --check' : 'is given without --check'}`,
      hint,
    );
  }
  if (flags.cbitpos !== undefined && !flags.object)
    throw idBlockUsage('--cbitpos is given without --object', 'drop it');
  if (flags.object && flags.json) throw idBlockUsage('--object does not go with --json', 'it is a field of the JSON');
}
