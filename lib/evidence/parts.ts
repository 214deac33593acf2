/** A part of a run: the second of five is `2/5`. */
export const PART = /^[1-9]\d{0,3}\/[1-9]\d{0,3}$/;

/**
 * The parts that are not there: of `1/3` and `3/3`, `2/3`.
 * @param parts those that are; parts of another number of parts are of another run, which is not whole either
 */
export function missingParts(parts: Iterable<string>): string[] {
  const there = new Set(parts);
  const wholes = new Set([...there].map((part) => Number(part.split('/')[1])));
  return [...wholes].flatMap((whole) =>
    Array.from({ length: whole }, (_, at) => `${at + 1}/${whole}`).filter((part) => !there.has(part)),
  );
}
