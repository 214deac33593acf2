import type { AttestationReport } from '../abi/report.ts';

/** A firmware version as a report states it. */
export interface FirmwareVersion {
  major: number;
  minor: number;
  build: number;
}

/** Orders firmware versions: below 0 where the left is older. */
export function compareFirmware(left: FirmwareVersion, right: FirmwareVersion): number {
  return left.major - right.major || left.minor - right.minor || left.build - right.build;
}

/** A firmware version as text: `1.55.29`. */
export function firmwareText({ major, minor, build }: FirmwareVersion): string {
  return `${major}.${minor}.${build}`;
}

/** The versions of a report: what runs, and what the host can no longer roll back from. */
export function firmwareOf(report: AttestationReport): { current: FirmwareVersion; committed: FirmwareVersion } {
  const { currentMajor, currentMinor, currentBuild, committedMajor, committedMinor, committedBuild } = report;
  return {
    current: { major: currentMajor, minor: currentMinor, build: currentBuild },
    committed: { major: committedMajor, minor: committedMinor, build: committedBuild },
  };
}
