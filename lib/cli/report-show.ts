import { Command } from 'commander';
import { describeReport } from '../attestation/describe-report.ts';
import { layoutVersionOf, parseReport, type UnknownVersions } from '../attestation/report.ts';
import { type FoundReport, findReport, REPORT_FILE_BYTES_MAX } from '../attestation/report-file.ts';
import { HarnessError } from '../errors.ts';
import { examples } from './examples.ts';
import { readFileOrInput } from './file-or-input.ts';
import { reportJson, reportTable } from './report-text.ts';

/** Reads a report from a file, or from standard input. @throws HarnessError FILE_UNREADABLE, REPORT_INVALID */
export async function loadReport(path: string): Promise<FoundReport> {
  const file = await readFileOrInput(path, 'attestation report', REPORT_FILE_BYTES_MAX);
  try {
    return findReport(file);
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    throw new HarnessError({ code: error.code, what: error.what, where: path, hint: error.hint, cause: error });
  }
}

interface ShowOptions {
  json?: true;
  allowUnknownVersion?: true;
}

async function show(path: string, options: ShowOptions): Promise<void> {
  const found = await loadReport(path);
  const unknown: UnknownVersions = options.allowUnknownVersion ? 'read as the newest known' : 'refused';
  const report = parseReport(found.report, { reserved: 'keep', unknown });
  const version = layoutVersionOf(report.version, unknown) ?? report.version;
  const described = describeReport(found.report, report, version);
  const text = options.json
    ? `${JSON.stringify(reportJson(found, described, report), null, 2)}\n`
    : reportTable(found, described);
  process.stdout.write(text);
}

/** `snp-conform report show`: what stands in a report; nothing is verified. */
export function reportShowCommand(): Command {
  return new Command('show')
    .description('print the fields of an attestation report; nothing is verified')
    .argument('<file>', 'the report as raw bytes, hex or base64, or the answer of SNP_GET_REPORT; - for stdin')
    .option('--json', 'print JSON')
    .option('--allow-unknown-version', 'read a report of a version after 5 as if it were of version 5')
    .addHelpText('after', examples('report show report.bin', 'report show report.bin --json'))
    .action(show);
}
