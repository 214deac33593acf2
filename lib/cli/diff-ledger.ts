import { Command } from 'commander';
import { diffFieldTexts, type FieldTextDifference, type FieldTexts } from '../abi/field-text.ts';
import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import type { LedgerEntry } from '../measure/inputs.ts';
import { firstDifference, type LedgerDifference } from '../measure/ledger-diff.ts';
import { type DifferenceText, differenceText, pageName, vmsaDifferencesText } from './difference-text.ts';
import { type ReadLedger, type ReadVmsas, readLedger } from './ledger-file.ts';
import { ledgerRowJson } from './ledger-text.ts';

const EXAMPLES = `
Examples:
  snp-conform predict --from-argv old.sh --ledger --json > old.json
  snp-conform predict --from-argv new.sh --ledger --json > new.json
  snp-conform diff-ledger old.json new.json
  snp-conform diff-ledger vmsas-of-prediction/ vmsas-of-host/`;

/** The fields of the VMSA of a row; null where the ledger does not tell. */
function vmsaOf({ vmsas }: ReadLedger, row: LedgerEntry | null): FieldTexts | null {
  if (vmsas === null || row?.pageType !== PAGE_TYPE.VMSA) return null;
  return row.what === 'vCPU 0' ? vmsas.boot : vmsas.application;
}

const HASHED = ['kernel', 'initrd', 'cmdline'] as const;

/** What is known of the contents of two pages that differ. */
function contentsDifferences(left: ReadLedger, right: ReadLedger, difference: LedgerDifference): FieldTextDifference[] {
  const [mine, other] = [vmsaOf(left, difference.left), vmsaOf(right, difference.right)];
  if (mine !== null && other !== null) return diffFieldTexts(VMSA, mine, other);
  const areHashes = [difference.left, difference.right].every((row) => row?.what === 'KERNEL_HASHES');
  const [hashes, otherHashes] = [left.kernelHashes, right.kernelHashes];
  if (!areHashes || hashes === null || otherHashes === null) return [];
  return HASHED.filter((name) => hashes[name] !== otherHashes[name]).map((name) => ({
    name: `SHA-256 of ${name}`,
    left: hashes[name],
    right: otherHashes[name],
  }));
}

/** Where in the firmware image a page is, in bytes; null for a page of something else. */
function imageOffset(rows: readonly LedgerEntry[], page: LedgerEntry | null): number | null {
  const [first] = rows;
  if (first === undefined || page === null || page.pages !== 1 || !page.what.startsWith('firmware image')) return null;
  return Number(page.gpa - first.gpa);
}

function compareLedgers(left: ReadLedger, right: ReadLedger, names: readonly [string, string]): DifferenceText | null {
  const difference = firstDifference(left.rows, right.rows);
  if (difference === null) return null;
  return {
    names,
    difference,
    contents: difference.kind === 'changed' ? contentsDifferences(left, right, difference) : [],
    imageOffset: imageOffset(left.rows, difference.left ?? difference.right),
    digests: [left.rows, right.rows].map((rows) => rows.at(-1)?.digestAfter ?? new Uint8Array()),
  };
}

function differenceJson(text: DifferenceText): object {
  const { difference, contents, digests } = text;
  const { pagesBefore, kind, left, right, fields, rows, elsewhere, further } = difference;
  return {
    same: false,
    page: pageName(difference),
    pagesBefore,
    kind,
    fields,
    left: left && ledgerRowJson(left),
    right: right && ledgerRowJson(right),
    contents,
    rows,
    elsewhere,
    further: further.map(({ what }) => what),
    launchDigests: digests.map((digest) => Buffer.from(digest).toString('hex')),
  };
}

function compareVmsas(
  left: ReadVmsas,
  right: ReadVmsas,
): Map<string, FieldTextDifference[] | 'only-left' | 'only-right'> {
  const alone = left.pages.size === 1 && right.pages.size === 1;
  // Of two single pages the names of the files do not matter.
  const names = new Set(alone ? left.pages.keys() : [...left.pages.keys(), ...right.pages.keys()]);
  const found = new Map<string, FieldTextDifference[] | 'only-left' | 'only-right'>();
  for (const name of names) {
    const mine = left.pages.get(name);
    const other = alone ? [...right.pages.values()][0] : right.pages.get(name);
    if (mine === undefined) found.set(name, 'only-right');
    else if (other === undefined) found.set(name, 'only-left');
    else {
      const differences = diffFieldTexts(VMSA, mine, other);
      if (differences.length > 0) found.set(name, differences);
    }
  }
  return found;
}

interface DiffOptions {
  json?: true;
}

/** Prints what was found. @returns is anything different? */
function print(different: boolean, json: object, text: string, options: DiffOptions): boolean {
  process.stdout.write(options.json ? `${JSON.stringify(json, null, 2)}\n` : text);
  return different;
}

async function compare(leftPath: string, rightPath: string, options: DiffOptions): Promise<boolean> {
  const left = await readLedger(leftPath);
  const right = await readLedger(rightPath);
  const names = [leftPath, rightPath] as const;
  if (left.kind === 'vmsas' && right.kind === 'vmsas') {
    const found = compareVmsas(left, right);
    const json = { same: found.size === 0, vmsas: Object.fromEntries(found) };
    return print(found.size > 0, json, vmsaDifferencesText(found, names), options);
  }
  if (left.kind === 'vmsas' || right.kind === 'vmsas') {
    throw new HarnessError({
      code: 'USAGE',
      what: `${left.kind === 'vmsas' ? leftPath : rightPath} holds VMSAs, the other is a ledger`,
      where: 'snp-conform diff-ledger',
      hint: `give two ledgers, or two VMSAs (${PAGE_BYTES} bytes) or folders of them`,
    });
  }
  const found = compareLedgers(left, right, names);
  const pages = left.rows.reduce((sum, row) => sum + row.pages, 0);
  if (found === null) return print(false, { same: true, pages }, `the same: ${pages} pages\n`, options);
  return print(true, differenceJson(found), differenceText(found), options);
}

/** `snp-conform diff-ledger`: the first page in which two launches differ, and what it is. Exit code 1 where they do. */
export function diffLedgerCommand(): Command {
  return new Command('diff-ledger')
    .argument('<a>', 'ledger as `predict --ledger` prints it, best with --json; or VMSAs of `predict --dump-vmsa`')
    .argument('<b>', 'the other one; - for standard input')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (left: string, right: string, options: DiffOptions) => {
      if (await compare(left, right, options)) process.exitCode = EXIT_CODES.failure;
    });
}
