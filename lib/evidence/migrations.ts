import { HarnessError } from '../errors.ts';

/** A step from one version of a format to the next. */
export interface Migration {
  from: string;
  to: string;
  /** Makes a document of the later version; its `format` is set afterwards. */
  step: (document: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/** The formats that are written today. */
const CURRENT = ['snp-conform/evidence@1', 'snp-conform/cell@1'] as const;

/** Every step; a format that changes gets one here, and its schema the new version. */
const MIGRATIONS: readonly Migration[] = [];

const VERSION = /^(snp-conform\/[a-z]+)@(\d{1,4})$/;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Brings a document of an older version to the version of today; anything else is given back as it is, for its schema to
 * judge.
 * @throws HarnessError EVIDENCE_INVALID for a version that is newer than this program
 */
export function migrate(
  document: unknown,
  where: string,
  migrations: readonly Migration[] = MIGRATIONS,
  current: readonly string[] = CURRENT,
): unknown {
  if (!isObject(document) || typeof document.format !== 'string') return document;
  const step = migrations.find(({ from }) => from === document.format);
  if (step !== undefined) return migrate({ ...step.step(document), format: step.to }, where, migrations, current);
  const [, name, version] = VERSION.exec(document.format) ?? [];
  const known = current.find((format) => VERSION.exec(format)?.[1] === name);
  if (known === undefined || Number(version) <= Number(VERSION.exec(known)?.[2])) return document;
  throw new HarnessError({
    code: 'EVIDENCE_INVALID',
    what: `it is ${document.format}, and this version of snp-conform reads up to ${known}`,
    where,
    hint: 'it was made by a newer snp-conform: use that one',
  });
}

/** The same of a document and of the evidence in it. @throws HarnessError EVIDENCE_INVALID */
export function migrateWithEvidence(document: unknown, where: string): unknown {
  const outer = migrate(document, where);
  return isObject(outer) && 'evidence' in outer ? { ...outer, evidence: migrate(outer.evidence, where) } : outer;
}
