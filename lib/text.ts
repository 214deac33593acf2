/** Text from a host is quoted up to this many characters. */
const QUOTED_CHARACTERS = 300;

/** Text that a host or guest wrote, fit for a message: one line, bounded, no control or direction characters. */
export function quoted(text: string): string {
  const clipped = text.slice(0, QUOTED_CHARACTERS);
  const clean = clipped.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ').trim();
  return text.length > QUOTED_CHARACTERS ? `${clean}...` : clean;
}

/** The last line of a text that is not blank, quoted; the empty string where there is none. */
export function lastLine(text: string): string {
  const lines = text.slice(-64 * QUOTED_CHARACTERS).split('\n');
  return quoted(lines.findLast((line) => line.trim() !== '') ?? '');
}

/** Bytes as lower-case hex. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A number as 0x hex. */
export function hexNumber(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
