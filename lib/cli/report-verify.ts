import { Command } from 'commander';
import type { Wanted } from '../attestation/want.ts';
import { addVerifyOptions, type VerifyOptions } from './verify-options.ts';
import { addWantOptions } from './want-options.ts';

const EXAMPLES = `
Examples:
  snp-conform report verify report.bin --nonce "$NONCE" --measurement "$DIGEST" --policy-clear DEBUG
  snp-conform report verify report.bin --certs certs/ chain.pem --now 2025-11-01
  snp-conform report verify report.bin --certs auxblob --kds https://kds.lab.example
  snp-conform report verify report.bin --offline --min-tcb bl=4,snp=24,ucode=219 --json`;

/** `snp-conform report verify`: is a report genuine, and is it what was wanted? */
export function reportVerifyCommand(): Command {
  let want: Wanted = {};
  const command = new Command('verify')
    .description("verify an attestation report to AMD's root, and check its fields")
    .argument('<file>', 'the report as raw bytes, hex or base64, or the answer of SNP_GET_REPORT; - for stdin');
  addVerifyOptions(command);
  addWantOptions(command, (add) => {
    want = add(want);
  });
  return command.addHelpText('after', EXAMPLES).action(async (path: string, options: VerifyOptions) => {
    // Loaded only now: the certificate library takes longer to load than a report to show.
    const { verifyFile } = await import('./report-verification.ts');
    return verifyFile(path, options, want);
  });
}
