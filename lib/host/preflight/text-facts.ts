/** No fact is longer than this; what a host says beyond it is no fact. */
const MAX_FACT = 256;

/** One line of what a host said, bounded; undefined where there is nothing. */
export function shortText(text: string | undefined): string | undefined {
  const line = text?.trim().split('\n', 1)[0]?.trim().slice(0, MAX_FACT).toWellFormed();
  return line === undefined || line === '' ? undefined : line;
}

/** A whole number from 0, in decimal; undefined for any other text, and for what no number holds exactly. */
export function wholeNumber(text: string | undefined): number | undefined {
  const digits = text?.trim();
  if (digits === undefined || !/^\d{1,16}$/.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Parameters of kernel modules: Y and N, 1 and 0. */
export function kernelBoolean(text: string | undefined): boolean | undefined {
  const word = text?.trim();
  if (word === 'Y' || word === '1' || word === 'y') return true;
  if (word === 'N' || word === '0' || word === 'n') return false;
  return undefined;
}

/** Rows of `key separator value`; of two of one key the first counts. */
export function rowsOf(text: string | undefined, separator: string): Map<string, string> {
  const rows = new Map<string, string>();
  for (const line of (text ?? '').split('\n')) {
    const at = line.indexOf(separator);
    if (at < 1) continue;
    const key = line.slice(0, at).trim();
    if (!rows.has(key)) rows.set(key, line.slice(at + separator.length).trim());
  }
  return rows;
}
