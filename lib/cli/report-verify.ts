import { Command, Option } from 'commander';
import { KDS_URL } from '../attestation/kds-url.ts';
import type { Wanted } from '../attestation/want.ts';
import { HarnessError } from '../errors.ts';
import { addWantOptions } from './want-options.ts';

/** The options of `report verify` as commander gives them. */
export interface VerifyOptions {
  certs?: string[];
  kds?: string;
  offline?: true;
  requireCrl?: true;
  trustedArk?: string;
  now?: Date;
  allowMaskedChipId?: true;
  allowUnknownVersion?: true;
  json?: true;
}

function parseMoment(text: string): Date {
  const date = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new HarnessError({
    code: 'USAGE',
    what: `expected a day or a moment, like 2026-05-01 or 2026-05-01T12:00:00Z, got ${JSON.stringify(text.slice(0, 60))}`,
    where: '--now',
  });
}

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
    .argument('<file>', 'the report as raw bytes, hex or base64, or the answer of SNP_GET_REPORT; - for stdin')
    .option(
      '--certs <path...>',
      'certificates and lists of revoked ones: files or folders, PEM, DER, or the table that the host gave its guest',
    )
    .addOption(new Option('--kds <url>', `the key distribution service, or a mirror of it (default: ${KDS_URL})`))
    .option('--offline', 'ask no service; what was fetched before is used')
    .option('--require-crl', 'a list of revoked certificates must be there')
    .option('--now <date>', 'the moment for which certificates must be valid (default: now)', parseMoment)
    .option('--trusted-ark <file>', "trust this root in place of AMD's: that of an emulated chip")
    .option('--allow-masked-chip-id', "accept a VCEK's report whose CHIP_ID the host masked")
    .option('--allow-unknown-version', 'read a report of a version after 5 as if it were of version 5')
    .option('--json', 'print JSON');
  addWantOptions(command, (add) => {
    want = add(want);
  });
  return command.addHelpText('after', EXAMPLES).action(async (path: string, options: VerifyOptions) => {
    // Loaded only now: the certificate library takes longer to load than a report to show.
    const { verifyFile } = await import('./report-verification.ts');
    return verifyFile(path, options, want);
  });
}
