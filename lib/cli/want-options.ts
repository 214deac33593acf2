import { type Command, Option } from 'commander';
import { KDS_PRODUCTS } from '../abi/products.ts';
import { PLATFORM_INFO_BITS } from '../abi/report-bits.ts';
import type { TcbComponent, TcbVersion } from '../abi/tcb.ts';
import type { ReportCheckName } from '../attestation/checks.ts';
import type { FirmwareVersion } from '../attestation/firmware-version.ts';
import { SPL_NAMES } from '../attestation/tcb.ts';
import { REPORT_TCBS, type Wanted } from '../attestation/want.ts';
import { HarnessError } from '../errors.ts';
import { readKeyDigest, readLaunchDigest } from '../identity/digest-text.ts';
import { GUEST_POLICY_BITS } from '../identity/guest-policy.ts';
import { mostSimilar } from '../similar.ts';
import { parseHexBytes, parseHexUpTo, parseUnsigned } from './numbers.ts';
import { parseApiVersion } from './policy-facts.ts';

const REPORT_DATA_BYTES = 64;

function refuse(what: string, option: string, hint?: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: option, hint });
}

/** REPORT_DATA that begins with a nonce and ends in zeros, as guests fill it. */
function parseNonce(text: string, option: string): Uint8Array {
  const data = new Uint8Array(REPORT_DATA_BYTES);
  data.set(parseHexUpTo(text, option, REPORT_DATA_BYTES));
  return data;
}

/** REPORT_DATA can be asked for once, in one of two ways. */
function withReportData(want: Wanted, reportData: Uint8Array, option: string): Wanted {
  if (want.reportData === undefined) return { ...want, reportData };
  throw refuse('REPORT_DATA is asked for twice', option, 'give --report-data or --nonce, once');
}

/** Names of a table, joined by commas. */
function parseNames<N extends string>(text: string, option: string, known: readonly N[]): N[] {
  return text.split(',').map((part) => {
    const typed = part.trim().toUpperCase();
    const name = known.find((candidate) => candidate === typed);
    if (name !== undefined) return name;
    const meant = mostSimilar(typed, known);
    const hint = meant === undefined ? `known names: ${known.join(', ')}` : `did you mean ${meant}?`;
    throw refuse(`there is no bit ${JSON.stringify(part.trim().slice(0, 60))}`, option, hint);
  });
}

/** How components are typed: as the key distribution service names them, with or without SPL, or by their long name. */
const COMPONENTS: ReadonlyMap<string, TcbComponent> = new Map(
  (Object.entries(SPL_NAMES) as [TcbComponent, string][]).flatMap(([component, spl]) =>
    [component, spl, spl.replace(/SPL$/, '')].map((name): [string, TcbComponent] => [name.toLowerCase(), component]),
  ),
);

/** `bl=3,tee=0,snp=8,ucode=115`. */
function parseTcb(text: string, option: string): TcbVersion {
  const levels = text.split(',').map((part): [TcbComponent, number] => {
    const [, name = '', level = ''] = /^\s*([a-z]+)\s*=\s*(\d{1,3})\s*$/i.exec(part) ?? [];
    const component = COMPONENTS.get(name.toLowerCase());
    if (component === undefined || level === '' || Number(level) > 255) {
      const shown = JSON.stringify(part.slice(0, 60));
      throw refuse(`expected levels like bl=3,tee=0,snp=8,ucode=115 (fmc=1 of Turin), got ${shown}`, option);
    }
    return [component, Number(level)];
  });
  if (new Set(levels.map(([component]) => component)).size < levels.length) {
    throw refuse(`a component is named twice in ${JSON.stringify(text.slice(0, 100))}`, option);
  }
  return Object.fromEntries(levels);
}

/** `1.55.29`, or `1.55` for any build of it. */
function parseFirmware(text: string, option: string): FirmwareVersion {
  const [, api = '', build = '0'] = /^(\d{1,3}\.\d{1,3})(?:\.(\d{1,3}))?$/.exec(text) ?? [];
  if (api === '' || Number(build) > 255) {
    throw refuse(`expected a version like 1.55.29, got ${JSON.stringify(text.slice(0, 60))}`, option);
  }
  return { ...parseApiVersion(api, option), build: Number(build) };
}

const hex = (bytes: number) => (text: string, option: string) => parseHexBytes(text, option, bytes);
const number = (bits: number) => (text: string, option: string) =>
  Number(parseUnsigned(text, option, bits, 'NUMBER_INVALID'));
const wide = (text: string, option: string) => parseUnsigned(text, option, 64, 'NUMBER_INVALID');
const policyNames = GUEST_POLICY_BITS.map(({ name }) => name);
const platformNames = PLATFORM_INFO_BITS.map(({ name }) => name);

/** One option: what it asks of a report. */
interface WantOption {
  flags: string;
  /** The checks that it makes. */
  checks: readonly ReportCheckName[];
  description: string;
  /** Adds to what is wanted so far. */
  add: (want: Wanted, text: string, option: string) => Wanted;
  choices?: readonly string[];
}

/** Every option that asks something of a report; each is one check or more of the table of checks. */
export const WANT_OPTIONS: readonly WantOption[] = [
  {
    flags: '--report-data <hex>',
    checks: ['report-data'],
    description: 'REPORT_DATA, 64 bytes',
    add: (want, text, option) => withReportData(want, hex(REPORT_DATA_BYTES)(text, option), option),
  },
  {
    flags: '--nonce <hex>',
    checks: ['report-data'],
    description: 'REPORT_DATA that begins with this and ends in zeros',
    add: (want, text, option) => withReportData(want, parseNonce(text, option), option),
  },
  {
    flags: '--measurement <digest>',
    checks: ['measurement'],
    description: 'MEASUREMENT, 48 bytes: the launch digest, see `predict`',
    add: (want, text, option) => ({ ...want, measurement: readLaunchDigest(text, option).digest }),
  },
  {
    flags: '--host-data <hex>',
    checks: ['host-data'],
    description: 'HOST_DATA, 32 bytes',
    add: (want, text, option) => ({ ...want, hostData: hex(32)(text, option) }),
  },
  {
    flags: '--policy <number>',
    checks: ['policy'],
    description: 'POLICY, all 64 bits',
    add: (want, text, option) => ({ ...want, policy: wide(text, option) }),
  },
  {
    flags: '--policy-set <names>',
    checks: ['policy-set'],
    description: `bits of POLICY that must be set: ${policyNames.join(', ')}`,
    add: (want, text, option) => ({ ...want, policySet: parseNames(text, option, policyNames) }),
  },
  {
    flags: '--policy-clear <names>',
    checks: ['policy-clear'],
    description: 'bits of POLICY that must be clear, for example DEBUG,MIGRATE_MA',
    add: (want, text, option) => ({ ...want, policyClear: parseNames(text, option, policyNames) }),
  },
  {
    flags: '--policy-abi <version>',
    checks: ['policy-abi'],
    description: 'the least firmware API that POLICY must ask for, like 1.55',
    add: (want, text, option) => ({ ...want, policyAbi: parseApiVersion(text, option) }),
  },
  {
    flags: '--vmpl <level>',
    checks: ['vmpl'],
    description: 'VMPL, exactly',
    add: (want, text, option) => ({ ...want, vmpl: number(32)(text, option) }),
  },
  {
    flags: '--id-key-digest <digest>',
    checks: ['id-key-digest'],
    description: 'ID_KEY_DIGEST, 48 bytes; given again: or this one',
    add: (want, text, option) => ({
      ...want,
      idKeyDigests: [...(want.idKeyDigests ?? []), readKeyDigest(text, option).digest],
    }),
  },
  {
    flags: '--author-key-digest <digest>',
    checks: ['author-key-digest'],
    description: 'AUTHOR_KEY_DIGEST, 48 bytes; given again: or this one',
    add: (want, text, option) => ({
      ...want,
      authorKeyDigests: [...(want.authorKeyDigests ?? []), readKeyDigest(text, option).digest],
    }),
  },
  {
    flags: '--require-id-block',
    checks: ['id-block'],
    description: 'the guest must have been launched with an ID block',
    add: (want) => ({ ...want, idBlock: 'required' }),
  },
  {
    flags: '--require-author-key',
    checks: ['author-key'],
    description: 'the guest must have been launched with an author key',
    add: (want) => ({ ...want, authorKey: 'required' }),
  },
  {
    flags: '--family-id <hex>',
    checks: ['family-id'],
    description: 'FAMILY_ID, 16 bytes',
    add: (want, text, option) => ({ ...want, familyId: hex(16)(text, option) }),
  },
  {
    flags: '--image-id <hex>',
    checks: ['image-id'],
    description: 'IMAGE_ID, 16 bytes',
    add: (want, text, option) => ({ ...want, imageId: hex(16)(text, option) }),
  },
  {
    flags: '--min-guest-svn <number>',
    checks: ['guest-svn'],
    description: 'the least GUEST_SVN',
    add: (want, text, option) => ({ ...want, minGuestSvn: number(32)(text, option) }),
  },
  {
    flags: '--report-id <hex>',
    checks: ['report-id'],
    description: 'REPORT_ID, 32 bytes: one guest instance',
    add: (want, text, option) => ({ ...want, reportId: hex(32)(text, option) }),
  },
  {
    flags: '--report-id-ma <hex|none>',
    checks: ['report-id-ma'],
    description: 'REPORT_ID_MA, 32 bytes, or none: no migration agent',
    add: (want, text, option) => ({ ...want, reportIdMa: text === 'none' ? text : hex(32)(text, option) }),
  },
  {
    flags: '--chip-id <hex>',
    checks: ['chip-id-allowed'],
    description: 'CHIP_ID, 64 bytes; given again: or this one',
    add: (want, text, option) => ({ ...want, chipIds: [...(want.chipIds ?? []), hex(64)(text, option)] }),
  },
  {
    flags: '--csp-id <text>',
    checks: ['csp-id'],
    description: 'the cloud provider in the VLEK, for example CN=cc-us-east-2.amazonaws.com',
    add: (want, text) => ({ ...want, cspId: text }),
  },
  {
    flags: '--product <name>',
    checks: ['product-wanted'],
    description: 'the product',
    choices: KDS_PRODUCTS,
    add: (want, text) => ({ ...want, product: KDS_PRODUCTS.find((product) => product === text) }),
  },
  {
    flags: '--signing-key <kind>',
    checks: ['signing-key-wanted'],
    description: 'the kind of key that must have signed',
    choices: ['VCEK', 'VLEK'],
    add: (want, text) => ({ ...want, signingKey: text === 'VLEK' ? text : 'VCEK' }),
  },
  {
    flags: '--min-tcb <levels>',
    checks: REPORT_TCBS.map((which) => `min-${which}-tcb` as const),
    description: 'the least levels of all four TCBs, like bl=3,tee=0,snp=8,ucode=115',
    add: (want, text, option) => {
      const least = parseTcb(text, option);
      const all = Object.fromEntries(REPORT_TCBS.map((which) => [which, least]));
      return { ...want, minTcb: { ...all, ...want.minTcb } };
    },
  },
  ...REPORT_TCBS.map(
    (which): WantOption => ({
      flags: `--min-${which}-tcb <levels>`,
      checks: [`min-${which}-tcb`],
      description: `the least levels of ${which.toUpperCase()}_TCB, in place of those of --min-tcb`,
      add: (want, text, option) => ({ ...want, minTcb: { ...want.minTcb, [which]: parseTcb(text, option) } }),
    }),
  ),
  {
    flags: '--refuse-provisional',
    checks: ['provisional'],
    description: 'firmware that is not committed must not run',
    add: (want) => ({ ...want, provisional: 'refused' }),
  },
  {
    flags: '--min-firmware <version>',
    checks: ['firmware'],
    description: 'the least firmware version, like 1.55.29',
    add: (want, text, option) => ({ ...want, minFirmware: parseFirmware(text, option) }),
  },
  {
    flags: '--min-committed-firmware <version>',
    checks: ['committed-firmware'],
    description: 'the least committed firmware version',
    add: (want, text, option) => ({ ...want, minCommittedFirmware: parseFirmware(text, option) }),
  },
  {
    flags: '--platform-set <names>',
    checks: ['platform-set'],
    description: `bits of PLATFORM_INFO that must be set: ${platformNames.join(', ')}`,
    add: (want, text, option) => ({ ...want, platformSet: parseNames(text, option, platformNames) }),
  },
  {
    flags: '--platform-clear <names>',
    checks: ['platform-clear'],
    description: 'bits of PLATFORM_INFO that must be clear',
    add: (want, text, option) => ({ ...want, platformClear: parseNames(text, option, platformNames) }),
  },
  {
    flags: '--refuse-unknown-bits',
    checks: ['platform-unknown', 'tcb-unknown'],
    description: 'PLATFORM_INFO and TCBs must have no bits without a known meaning',
    add: (want) => ({ ...want, unknownBits: 'refused' }),
  },
  {
    flags: '--launch-mitigations <number>',
    checks: ['launch-mitigations'],
    description: 'bits that must be set in LAUNCH_MIT_VECTOR',
    add: (want, text, option) => ({ ...want, launchMitVector: wide(text, option) }),
  },
  {
    flags: '--current-mitigations <number>',
    checks: ['current-mitigations'],
    description: 'bits that must be set in CURRENT_MIT_VECTOR',
    add: (want, text, option) => ({ ...want, currentMitVector: wide(text, option) }),
  },
];

/**
 * Adds the options that ask something of a report.
 * @param change is told how each option that is met changes what is wanted
 */
export function addWantOptions(command: Command, change: (add: (want: Wanted) => Wanted) => void): Command {
  for (const { flags, description, add, choices } of WANT_OPTIONS) {
    const option = new Option(flags, description);
    if (choices !== undefined) option.choices(choices);
    command.addOption(option);
    const long = `--${option.name()}`;
    command.on(`option:${option.name()}`, (text: string | undefined) => change((want) => add(want, text ?? '', long)));
  }
  return command;
}
