import type { ReportCheckRow } from './check-row.ts';
import { GENUINE_CHECKS } from './genuine-checks.ts';
import { WANTED_CHECKS } from './wanted-checks.ts';

/** Every check, in the order in which they are told. A new check is one entry of one of the two tables. */
export const REPORT_CHECKS = [...GENUINE_CHECKS, ...WANTED_CHECKS] as const satisfies readonly ReportCheckRow[];
export type ReportCheckName = (typeof REPORT_CHECKS)[number]['name'];

/** Checks without whose pass no report is genuine, whatever the others say. */
export const ESSENTIAL_CHECKS: readonly ReportCheckName[] = [
  'version',
  'signature-algo',
  'signature-form',
  'signing-key',
  'signature',
  'chain',
  'root',
  'certificate-names',
  'certificate-algorithms',
  'certificate-constraints',
  'certificate-validity',
  'certificate-extensions',
  'certificate-structure',
  'certificate-product',
  'certificate-tcb',
];
