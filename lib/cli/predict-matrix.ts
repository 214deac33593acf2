import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { cacheDirectory } from '../cache.ts';
import { HarnessError } from '../errors.ts';
import { cmdlineCut } from '../measure/kernel-hashes.ts';
import { VMM_PROFILES, vmmProfileOf } from '../measure/vmm-profiles.ts';
import { type PredictedCell, predictMatrix } from '../runner/predict-all.ts';
import { REFERENCE_FORMAT } from '../runner/reference.ts';
import { hexOf } from './hex.ts';
import { profileIn } from './predict-inputs.ts';
import { checkMatrix } from './predict-modes.ts';
import { type PredictOptions, usage } from './predict-options.ts';
import { kernelWarnings } from './predict-warnings.ts';

/** The profile that was asked for; else every generation of QEMU that a host of hosts.json may be. */
function matrixProfiles(options: PredictOptions): string[] {
  if (!options.fpuState || options.vmm !== undefined || options.vmmProfile !== undefined)
    return [profileIn(options).name];
  return VMM_PROFILES.filter(
    ({ vmm, boots, hashesPage }) => vmm === 'qemu' && boots === 'firmware' && hashesPage === 'in-its-section',
  ).map(({ name }) => name);
}

/** What `run --reference` reads. */
function referenceJson(cells: readonly PredictedCell[], profiles: readonly string[]): string {
  const digests = profiles.map((profile) => [
    profile,
    Object.fromEntries(cells.map(({ cell, digests: of }) => [cell.id, hexOf(of.get(profile) ?? new Uint8Array())])),
  ]);
  return JSON.stringify({ format: REFERENCE_FORMAT, digests: Object.fromEntries(digests) }, null, 2);
}

/** One field of a CSV file. Source: RFC 4180, 2. */
const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const AXES = ['firmware', 'kernel', 'initrd', 'append', 'guestPolicy', 'guestFeatures', 'vcpus', 'vcpuType'] as const;

/** A line for each cell and profile; of what a cell has not the field is empty. */
function csv(cells: readonly PredictedCell[], profiles: readonly string[]): string {
  const head = ['vmmProfile', 'cell', ...AXES, 'qemu', 'launchDigest'].join(',');
  const lines = profiles.flatMap((profile) =>
    cells.map(({ cell, digests }) => {
      const axes = [...AXES, 'qemu' as const].map((axis) => {
        const value = cell[axis];
        return typeof value === 'bigint' ? `0x${value.toString(16)}` : String(value ?? '');
      });
      return [profile, cell.id, ...axes, hexOf(digests.get(profile) ?? new Uint8Array())].map(csvField).join(',');
    }),
  );
  return [head, ...lines].join('\n');
}

/** Source: confidential-containers/trustee, rvps/src/reference_value.rs, MONTHS_BEFORE_EXPIRATION. */
const MONTHS_BEFORE_EXPIRATION = 12;

function defaultExpiry(now: Date): string {
  const time = new Date(now);
  time.setUTCMonth(time.getUTCMonth() + MONTHS_BEFORE_EXPIRATION);
  return `${time.toISOString().slice(0, 19)}Z`;
}

/**
 * The list of reference values as the Reference Value Provider Service stores it: one, under the name that the default
 * policy asks for, with every digest once, as the lower-case hex that the verifier's claim has.
 * Source: confidential-containers/trustee, rvps/src/reference_value.rs (ReferenceValue 0.1.0);
 * attestation-service, the default policy: input.snp.measurement in snp_launch_measurement.
 */
function rvps(cells: readonly PredictedCell[], expiration: string): string {
  const value = [...new Set(cells.flatMap(({ digests }) => [...digests.values()].map(hexOf)))];
  return JSON.stringify([{ version: '0.1.0', name: 'snp_launch_measurement', expiration, value }], null, 2);
}

/**
 * Prints the digests of all cells of a matrix.
 * @param now for when reference values expire   @throws HarnessError USAGE, MATRIX_INVALID, and as `predictMatrix`
 */
export async function printMatrix(matrixFile: string, options: PredictOptions, now: Date): Promise<void> {
  checkMatrix(options);
  const { output = 'json', expires } = options;
  if (expires !== undefined && output !== 'rvps') {
    throw usage('--expires goes with --output rvps', 'no other format says until when a digest holds');
  }
  const profiles = matrixProfiles(options);
  const cells = await predictMatrix(resolve(matrixFile), profiles, cacheDirectory(process.env, homedir()));
  if (cells.length === 0) {
    throw new HarnessError({
      code: 'MATRIX_EMPTY',
      what: 'every combination is excluded',
      where: matrixFile,
      hint: 'check the rules of "exclude"',
    });
  }
  if (cells.some(({ cell }) => cell.kernel !== null)) {
    const warnings = profiles.flatMap((name) => kernelWarnings(vmmProfileOf(name), 'kernels in the matrix'));
    process.stderr.write(warnings.join(''));
  }
  const appends = new Set(cells.map(({ cell }) => cell.append ?? ''));
  for (const append of appends) {
    const cut = cmdlineCut(append);
    if (cut !== null) process.stderr.write(`warning: axes.append: ${cut}\n`);
  }
  const text =
    output === 'rvps'
      ? rvps(cells, expires ?? defaultExpiry(now))
      : output === 'csv'
        ? csv(cells, profiles)
        : referenceJson(cells, profiles);
  process.stdout.write(`${text}\n`);
}
