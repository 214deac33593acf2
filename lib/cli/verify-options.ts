import { type Command, Option } from 'commander';
import { KDS_URL } from '../attestation/kds-url.ts';
import { HarnessError } from '../errors.ts';

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
  // A day that its month does not have would be one of the next.
  if (!Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.slice(0, 10))) return date;
  throw new HarnessError({
    code: 'USAGE',
    what: `expected a day or a moment, like 2026-05-01 or 2026-05-01T12:00:00Z, got ${JSON.stringify(text.slice(0, 60))}`,
    where: '--now',
  });
}

/** Adds the options that say what a report is verified with; what is asked of it is in want-options.ts. */
export function addVerifyOptions(command: Command): Command {
  return command
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
}
