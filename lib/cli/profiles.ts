import { Command } from 'commander';
import { pageTypeName, vmsaGpaOf } from '../abi/page-info.ts';
import { VMM_PROFILES, type VmmProfile } from '../measure/vmm-profiles.ts';
import { examples } from './examples.ts';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** A profile as JSON has it: numbers as 0x hex, page types by name, keys as in the table. */
function profileJson(profile: VmmProfile): object {
  const { segments, rdx, gPat, fpu, bootRegisters, defaultFeatures, forcedFeatures, sectionPageTypes } = profile;
  const hexEntries = (values: Readonly<Record<string, number | bigint | undefined>>): object =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === undefined ? null : hex(value)]));
  return {
    ...profile,
    segments: hexEntries(segments),
    rdx: rdx === 'signature' ? rdx : hex(rdx),
    gPat: hex(gPat),
    fpu: hexEntries(fpu),
    bootRegisters: hexEntries(bootRegisters),
    defaultFeatures: hex(defaultFeatures),
    forcedFeatures: forcedFeatures === null ? null : hex(forcedFeatures),
    sectionPageTypes: Object.fromEntries(
      Object.entries(sectionPageTypes).map(([name, pageType]) => [name, pageTypeName(pageType)]),
    ),
  };
}

const HEAD = [
  'profile',
  'since',
  'VMM',
  'starts in',
  'RDX',
  'MXCSR/FCW',
  'CS/AP',
  'SS',
  'TR',
  'PAT',
  'SEC_MEM',
] as const;

function cellsOf(profile: VmmProfile): string[] {
  const { name, since, vmm, boots, rdx, fpu, segments, gPat, sectionPageTypes } = profile;
  return [
    name,
    since,
    vmm,
    boots === 'svsm' ? 'SVSM' : boots,
    rdx === 'signature' ? rdx : hex(rdx),
    `${hex(fpu.mxcsr)}/${hex(fpu.x87Fcw)}`,
    `${hex(segments.csBoot)}/${hex(segments.csApplication)}`,
    hex(segments.ss),
    hex(segments.tr),
    hex(gPat),
    pageTypeName(sectionPageTypes.SEC_MEM),
  ];
}

/** The order in which pages are measured. */
function orderOf({ boots, sectionOrder, hashesPage }: VmmProfile): string {
  const order = sectionOrder === 'cpuid-last' ? 'in their order, but CPUID last' : 'in their order';
  const hashes = hashesPage === 'after-firmware' ? ['kernel hashes'] : [];
  const images = boots === 'svsm' ? ['firmware', 'SVSM'] : ['firmware'];
  return [...images, ...hashes, `sections ${order}`, 'VMSAs'].join(', ');
}

/** What a row of columns does not show. */
function remarksOf(profile: VmmProfile): string[] {
  const { defaultFeatures, forcedFeatures, vmsaAddressBits, bootRegisters, launchesKernels } = profile;
  const features =
    forcedFeatures === null ? `${hex(defaultFeatures)} unless asked for others` : `always ${hex(forcedFeatures)}`;
  const registers = Object.entries(bootRegisters).map(([name, value]) => `${name.toUpperCase()} ${hex(value)}`);
  return [
    `pages: ${orderOf(profile)}`,
    `VMSA at ${hex(vmsaGpaOf(vmsaAddressBits))}; guest features ${features}`,
    ...(launchesKernels ? [] : ['no kernel of its user, so no hashes of one']),
    ...(registers.length === 0 ? [] : [`vCPU 0 has ${registers.join(', ')}`]),
  ];
}

/** The profiles as text for people: a table, and under it what each is and where that is from. */
function profilesText(): string {
  const rows = [[...HEAD], ...VMM_PROFILES.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = VMM_PROFILES.flatMap((profile) => [
    '',
    `${profile.name}: ${profile.meaning}`,
    ...remarksOf(profile).map((remark) => `  ${remark}`),
    `  source: ${profile.source}`,
  ]);
  return `${[...table, ...notes].join('\n')}\n`;
}

/** `snp-conform profiles`: the VMM profiles that predictions can use. */
export function profilesCommand(): Command {
  return new Command('profiles')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('profiles', 'profiles --json'))
    .action((options: { json?: true }) => {
      const text = options.json ? `${JSON.stringify(VMM_PROFILES.map(profileJson), null, 2)}\n` : profilesText();
      process.stdout.write(text);
    });
}
