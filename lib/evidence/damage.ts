import { HarnessError } from '../errors.ts';

/** Something of a run or a recording that is not what was written. */
export interface Damage {
  /** The file, or the part of it. */
  where: string;
  what: string;
  /** The cells that cannot be read for it, by id and host; empty where all can. */
  cells: string[];
}

/** How much damage is told in one message; the rest is counted. */
const TOLD = 20;

/** One line a damage. */
export function damageLines(damages: readonly Damage[]): string[] {
  const lines = damages.slice(0, TOLD).map(({ where, what, cells }) => {
    const lost = cells.length === 0 ? 'no cell is lost' : `lost: ${cells.slice(0, TOLD).join(', ')}`;
    const more = cells.length > TOLD ? ` and ${cells.length - TOLD} more` : '';
    return `${where}: ${what}; ${lost}${more}`;
  });
  return damages.length > TOLD ? [...lines, `and ${damages.length - TOLD} more`] : lines;
}

/**
 * The error that names damage.
 * @param where the file   @param code RECORDING_INVALID or EVIDENCE_INVALID
 */
export function damageError(
  damages: readonly Damage[],
  where: string,
  code: 'RECORDING_INVALID' | 'EVIDENCE_INVALID',
): HarnessError {
  return new HarnessError({
    code,
    what: `it is not what was written:\n  ${damageLines(damages).join('\n  ')}`,
    where,
    hint: 'fetch it again, or read the rest with --keep-going',
  });
}
