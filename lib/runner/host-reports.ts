import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type HostReport, hostReportSchema } from '../evidence/host-report.ts';
import { readJsonFile, writeFileAtomically } from '../evidence/json-file.ts';

/** The file that keeps what preflight made of a host. */
function hostReportPath(runDirectory: string, host: string): string {
  return join(runDirectory, 'hosts', `${host}.json`);
}

/** Keeps a report for the processes of a run. */
export function writeHostReport(runDirectory: string, report: HostReport): Promise<void> {
  return writeFileAtomically(hostReportPath(runDirectory, report.name), `${JSON.stringify(report, null, 1)}\n`);
}

/** What preflight made of a host; undefined where it was not asked. @throws HarnessError EVIDENCE_INVALID */
export function readHostReport(runDirectory: string, host: string): HostReport | undefined {
  const path = hostReportPath(runDirectory, host);
  return existsSync(path) ? readJsonFile(path, hostReportSchema, 'EVIDENCE_INVALID') : undefined;
}
