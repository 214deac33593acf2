import { Command } from 'commander';
import { examples } from './examples.ts';
import { reportShowCommand } from './report-show.ts';
import { reportVerifyCommand } from './report-verify.ts';

/** `snp-conform report`: what a guest's attestation report says, and whether it can be believed. */
export function reportCommand(): Command {
  return new Command('report')
    .addCommand(reportShowCommand())
    .addCommand(reportVerifyCommand())
    .addHelpText('after', examples('report show report.bin', 'report verify report.bin --measurement "$DIGEST"'));
}
