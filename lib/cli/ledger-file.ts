import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type FieldTexts, fieldTexts } from '../abi/field-text.ts';
import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';
import { checked } from '../evidence/json-file.ts';
import type { LedgerEntry } from '../measure/inputs.ts';
import { readFileOrInput } from './file-or-input.ts';
import { LEDGER_ROW } from './ledger-text.ts';

const LEDGER_BYTES_MAX = 64 * 1024 * 1024;

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `expected ${bytes * 2} hex digits`);
const hexNumber = z.string().regex(/^0x[0-9a-f]{1,16}$/, 'expected a number as 0x hex');

const PAGE_TYPE_NAME = /^(?:NORMAL|VMSA|ZERO|UNMEASURED|SECRETS|CPUID|type [0-9]{1,3})$/;

const rowSchema = z.object({
  pageType: z.string().regex(PAGE_TYPE_NAME, 'expected the name of a page type'),
  gpa: hexNumber,
  pages: z.int().nonnegative(),
  what: z.string().max(200),
  contents: hex(48).nullish(),
  digestAfter: hex(48),
});

const fieldTextsSchema = z.record(z.string(), z.string().max(8192));

const ledgerSchema = z.object({
  inputs: z
    .object({ kernelHashes: z.object({ kernel: hex(32), initrd: hex(32), cmdline: hex(32) }).nullish() })
    .nullish(),
  vmsas: z.object({ boot: fieldTextsSchema, application: fieldTextsSchema }).nullish(),
  ledger: z.array(rowSchema).min(1).max(100_000),
});

/** A ledger as it was read, with what is known of the pages in it. */
export interface ReadLedger {
  kind: 'ledger';
  rows: readonly LedgerEntry[];
  /** 64 hex digits each; null where the file does not say. */
  kernelHashes: Readonly<Record<'kernel' | 'initrd' | 'cmdline', string>> | null;
  vmsas: { boot: FieldTexts; application: FieldTexts } | null;
}

/** The VMSAs of a launch, by the names of their files. */
export interface ReadVmsas {
  kind: 'vmsas';
  pages: ReadonlyMap<string, FieldTexts>;
}

function pageTypeOf(name: string): number {
  const known: Readonly<Record<string, number>> = PAGE_TYPE;
  return known[name] ?? Number(name.replace('type ', ''));
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** Of a single page null is zeros, and absent is not known. */
function contentsOf({ contents, pages }: z.infer<typeof rowSchema>): Uint8Array | null {
  if (contents === undefined || pages !== 1) return null;
  return contents === null ? new Uint8Array(48) : bytesOf(contents);
}

function rowOf(row: z.infer<typeof rowSchema>): LedgerEntry {
  return {
    pageType: pageTypeOf(row.pageType),
    gpa: BigInt(row.gpa),
    pages: row.pages,
    what: row.what,
    contents: contentsOf(row),
    digestAfter: bytesOf(row.digestAfter),
  };
}

const HINT = 'a ledger is what `snp-conform predict ... --ledger` prints, as JSON with --json';

function fromJson(text: string, where: string): ReadLedger {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const what = `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new HarnessError({ code: 'JSON_INVALID', what, where, hint: HINT, cause });
  }
  const { inputs, vmsas, ledger } = checked(
    ledgerSchema,
    Array.isArray(value) ? { ledger: value } : value,
    'JSON_INVALID',
    where,
  );
  const kernelHashes = inputs?.kernelHashes ?? null;
  return { kind: 'ledger', rows: ledger.map(rowOf), kernelHashes, vmsas: vmsas ?? null };
}

/** The table for people, which lacks the contents of pages. */
function fromTable(text: string, where: string): ReadLedger {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const rows = lines.slice(1).map((line, index) => {
    const groups = LEDGER_ROW.exec(line)?.groups;
    if (groups !== undefined) {
      const { pageType = '', gpa = '', pages = '', what = '', digestAfter = '' } = groups;
      return rowOf({ pageType, gpa, pages: Number(pages), what, digestAfter });
    }
    throw new HarnessError({
      code: 'JSON_INVALID',
      what: `line ${index + 2} is no row of a ledger`,
      where,
      hint: HINT,
    });
  });
  if (rows.length > 0) return { kind: 'ledger', rows, kernelHashes: null, vmsas: null };
  throw new HarnessError({ code: 'JSON_INVALID', what: 'there is no ledger in it', where, hint: HINT });
}

function vmsaOf(page: Uint8Array, where: string): FieldTexts {
  if (page.length === PAGE_BYTES) return fieldTexts(VMSA, page);
  const what = `VMSA: expected ${PAGE_BYTES} bytes, got ${page.length}`;
  throw new HarnessError({ code: 'LAYOUT_LENGTH', what, where, hint: '--dump-vmsa writes whole pages' });
}

async function readVmsaFolder(folder: string): Promise<ReadVmsas> {
  const names = (await readdir(folder)).filter((name) => /^vmsa[0-9]{1,3}\.bin$/.test(name));
  if (names.length === 0) {
    const what = 'there is no VMSA in the folder';
    const hint = 'name a folder that `predict --dump-vmsa` wrote: its files are vmsa0.bin, vmsa1.bin, ...';
    throw new HarnessError({ code: 'FILE_UNREADABLE', what, where: folder, hint });
  }
  const order = (name: string): number => Number(/[0-9]+/.exec(name)?.[0]);
  names.sort((left, right) => order(left) - order(right));
  const pages = new Map<string, FieldTexts>();
  for (const name of names) {
    const path = join(folder, name);
    pages.set(name, vmsaOf(await readInputFile({ path, what: 'VMSA', maxBytes: PAGE_BYTES + 1 }), path));
  }
  return { kind: 'vmsas', pages };
}

/**
 * Reads a ledger, as JSON or as the table, or VMSAs: one page, or a folder that `predict --dump-vmsa` wrote.
 * @param path `-` for standard input   @throws HarnessError FILE_UNREADABLE, JSON_INVALID, LAYOUT_LENGTH
 */
export async function readLedger(path: string): Promise<ReadLedger | ReadVmsas> {
  if (path !== '-' && statSync(path, { throwIfNoEntry: false })?.isDirectory()) return readVmsaFolder(path);
  const bytes = await readFileOrInput(path, 'ledger', LEDGER_BYTES_MAX);
  if (bytes.length === PAGE_BYTES && bytes.includes(0)) {
    return { kind: 'vmsas', pages: new Map([['VMSA', vmsaOf(bytes, path)]]) };
  }
  const text = Buffer.from(bytes).toString('utf8');
  return /^\s*[[{]/.test(text) ? fromJson(text, path) : fromTable(text, path);
}
