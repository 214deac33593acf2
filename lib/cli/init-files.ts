import { findHostProfile } from '../firmware/profiles.ts';
import { hexNumber } from '../text.ts';
import type { WrittenHost } from './init-host.ts';

/** A firmware, kernel or initrd that the matrix names, and where it is in the folder. */
export interface ChosenArtifact {
  readonly name: string;
  /** From the folder of matrix.json. */
  readonly path: string;
}

/** What the files of a new folder are made of. */
export interface Choices {
  /** hosts.json, as it is written. */
  readonly host: WrittenHost;
  /** SEV_FEATURES that the host is expected to measure. */
  readonly guestFeatures: bigint;
  readonly firmware: readonly (ChosenArtifact & { readonly holdsKernelHashes: boolean })[];
  readonly kernels: readonly (ChosenArtifact & { readonly initrd: ChosenArtifact | null })[];
  /** Names of QEMU builds. */
  readonly qemu: readonly string[];
  /** Where the sources of snp-conform are, if the folder cannot import the package; null: it can. */
  readonly sources: string | null;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const pathOf = ({ name, path }: ChosenArtifact): [string, { path: string }] => [name, { path }];

/** The SEV_FEATURES that a host kernel measures of itself. @param profile of an emulated host */
export function featuresOf(profile: string): bigint {
  return findHostProfile(profile)?.featuresAlways ?? 1n;
}

/** What no guest is launched with, and why: rules of the matrix. */
function exclusions({ firmware, kernels }: Choices): object[] {
  const without = firmware.filter(({ holdsKernelHashes }) => !holdsKernelHashes).map(({ name }) => name);
  const withHashes = firmware.filter(({ holdsKernelHashes }) => holdsKernelHashes).map(({ name }) => name);
  const names = kernels.map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    ...(without.length > 0
      ? [{ why: 'this firmware has no place for kernel hashes', firmware: without, kernel: names }]
      : []),
    ...(without.length > 0 && withHashes.length > 0
      ? [{ why: 'a firmware that measures its kernel is launched with one', firmware: withHashes, kernel: null }]
      : []),
    ...kernels.flatMap(({ name, initrd }) => {
      const others = [...new Set(initrdsOf(kernels))].filter((other) => other !== (initrd?.name ?? null));
      return others.length > 0 ? [{ why: 'an initrd is for its own kernel', kernel: name, initrd: others }] : [];
    }),
  ];
}

function initrdsOf(kernels: Choices['kernels']): (string | null)[] {
  return kernels.map(({ initrd }) => initrd?.name ?? null);
}

function matrixOf(choices: Choices): object {
  const { firmware, kernels, guestFeatures, qemu } = choices;
  const bare = firmware.some(({ holdsKernelHashes }) => !holdsKernelHashes) || kernels.length === 0;
  const initrds = kernels.flatMap(({ initrd }) => initrd ?? []);
  return {
    format: 'snp-conform/matrix@1',
    artifacts: {
      firmware: Object.fromEntries(firmware.map(pathOf)),
      ...(kernels.length > 0 && { kernel: Object.fromEntries(kernels.map(pathOf)) }),
      ...(initrds.length > 0 && { initrd: Object.fromEntries(initrds.map(pathOf)) }),
    },
    axes: {
      firmware: firmware.map(({ name }) => name),
      kernel: [...(bare ? [null] : []), ...kernels.map(({ name }) => name)],
      ...(initrds.length > 0 && { initrd: [...new Set(initrdsOf(kernels))] }),
      append: ['console=ttyS0'],
      guestPolicy: ['0x30000'],
      guestFeatures: [hexNumber(guestFeatures)],
      vcpus: [1, 4],
      vcpuType: ['EPYC-v4'],
      qemu,
    },
    exclude: exclusions(choices),
  };
}

const CONFIG = `import { defineConfig } from 'snp-conform';

/** Each host of hosts.json is a project; what stands here wins over what the package says. */
export default defineConfig({ testDir: './suites' });
`;

const SUITE = `import { cells, expect, test } from 'snp-conform';

for (const { cell, details } of cells()) {
  test(cell.id, details, async ({ guest }) => {
    const { report, nonce, prediction } = await guest(cell);
    expect(report).toMeasure(prediction);
    expect(report.reportData).toEqual(nonce);
    expect(report.policy).toBe(cell.guestPolicy);
  });
}
`;

const GITIGNORE = `node_modules/
reports/
artifacts/
`;

/** A folder from which the package cannot be imported finds its sources through these. */
function pointers(sources: string): Record<string, string> {
  const paths = { 'snp-conform': [`${sources}/lib/index.ts`] };
  return {
    'package.json': json({ private: true, type: 'module' }),
    'tsconfig.json': json({ compilerOptions: { module: 'nodenext', strict: true, noEmit: true, paths } }),
  };
}

/** The names of the files that every folder gets. */
export const INIT_FILES = ['hosts.json', 'matrix.json', 'playwright.config.ts', 'suites/first.spec.ts', '.gitignore'];

/** The files of a new folder: names and contents. */
export function initFiles(choices: Choices): Readonly<Record<string, string>> {
  return {
    'hosts.json': json({ format: 'snp-conform/hosts@1', hosts: [choices.host] }),
    'matrix.json': json(matrixOf(choices)),
    'playwright.config.ts': CONFIG,
    'suites/first.spec.ts': SUITE,
    '.gitignore': GITIGNORE,
    ...(choices.sources === null ? {} : pointers(choices.sources)),
  };
}
