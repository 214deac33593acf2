/** One `key=value` of an option. */
export type Pair = readonly [key: string, value: string];

/** Pairs, or what is wrong with the text in QEMU's words. */
export type Pairs = { pairs: readonly Pair[] } | { fault: string };

/** Pairs of the JSON form, with what JavaScript calls the type of each value. */
export type TypedPairs = Pairs & { types?: ReadonlyMap<string, string> };

/** How an option wants its value written. */
export interface PairSyntax {
  /** The key of a first item that has none: `type` of `-machine q35,...`. */
  impliedKey?: string;
  /** `foo` for `foo=on` and `nofoo` for `foo=off`: QEMU still takes them for `-object` and `-drive`, no longer for `-machine`. */
  bare: 'boolean' | 'refused';
}

/** A key ends at the next `=` or comma. */
const KEY = /[^=,]*/y;

/** Reads a value up to its comma; a doubled comma is one. @returns the value and where the next item begins */
function readValue(text: string, from: number): { value: string; next: number } {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    const comma = text.indexOf(',', at);
    if (comma < 0) return { value: [...parts, text.slice(at)].join(''), next: text.length };
    parts.push(text.slice(at, comma));
    if (text[comma + 1] !== ',') return { value: parts.join(''), next: comma + 1 };
    parts.push(',');
    at = comma + 2;
  }
}

function bareBoolean(key: string): Pair {
  return key.startsWith('no') && key.length > 2 ? [key.slice(2), 'off'] : [key, 'on'];
}

/**
 * Takes the value of an option apart as QEMU does: `key=value` items, commas between them, a doubled comma for one in a
 * value. Repeated keys stay, in order: with QEMU the last one counts.
 * Source: QEMU, util/keyval.c and util/qemu-option.c.
 */
export function parsePairs(text: string, { impliedKey, bare }: PairSyntax): Pairs {
  const pairs: Pair[] = [];
  let at = 0;
  while (at < text.length) {
    KEY.lastIndex = at;
    const key = KEY.exec(text)?.[0] ?? '';
    const { length } = key;
    if (text[at + length] === '=') {
      if (key === '') return { fault: "Invalid parameter ''" };
      const { value, next } = readValue(text, at + length + 1);
      pairs.push([key, value]);
      at = next;
    } else if (at === 0 && impliedKey !== undefined && key !== '') {
      const { value, next } = readValue(text, 0);
      pairs.push([impliedKey, value]);
      at = next;
    } else {
      if (key === '') return { fault: "Invalid parameter ''" };
      if (bare === 'refused') return { fault: `Expected '=' after parameter '${key}'` };
      pairs.push(bareBoolean(key));
      at += length + 1;
    }
  }
  return { pairs };
}

/** A value of the JSON form as the other form writes it; null for one that no property takes. */
function jsonValue(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  return value === null ? 'null' : '(nested)';
}

/** A string of QEMU's JSON, in either quotes. */
const JSON_STRING = /"(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'/gs;

/** JSON with strings in double quotes only: QEMU takes single ones too. Source: QEMU, qobject/json-lexer.c. */
function withDoubleQuotes(text: string): string {
  return text.replace(JSON_STRING, (whole: string, single: string | undefined) =>
    single === undefined ? whole : `"${single.replaceAll("\\'", "'").replaceAll(/(?<!\\)"/g, '\\"')}"`,
  );
}

/** Takes the JSON form `{"qom-type":...}` of an option apart; numbers become decimal, booleans `on` and `off`. */
export function parseJsonPairs(text: string): TypedPairs {
  let value: unknown;
  try {
    value = JSON.parse(withDoubleQuotes(text));
  } catch (cause) {
    return { fault: `not JSON: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { fault: 'expected a JSON object' };
  const pairs: Pair[] = [];
  for (const [key, item] of Object.entries(value)) {
    const written = jsonValue(item);
    if (written === null) return { fault: `${key}: ${String(item)} is not a whole number that JSON holds exactly` };
    pairs.push([key, written]);
  }
  return { pairs, types: new Map(Object.entries(value).map(([key, item]) => [key, typeof item])) };
}

/** A boolean of QEMU. @returns undefined for any other text   Source: QEMU, qapi/qapi-util.c, qapi_bool_parse. */
export function parseSwitch(text: string): boolean | undefined {
  if (['on', 'yes', 'true', 'y'].includes(text)) return true;
  return ['off', 'no', 'false', 'n'].includes(text) ? false : undefined;
}

/**
 * An unsigned number as QEMU reads it: C notation, so a leading 0 is octal; at most 64 bits.
 * @returns undefined for any other text   Source: QEMU, util/cutils.c, qemu_strtou64 with base 0.
 */
export function parseNumber(text: string): bigint | undefined {
  const digits = /^\s{0,16}\+?(0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})$/i.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const octal = /^0[0-7]+$/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return value < 1n << 64n ? value : undefined;
}

const SIZE_SHIFT: Readonly<Record<string, bigint>> = { '': 0n, b: 0n, k: 10n, m: 20n, g: 30n, t: 40n, p: 50n, e: 60n };

/**
 * A size as QEMU reads it, in bytes.
 * @param suffix what a bare number means: nothing, or `m` for -m   @returns undefined for any other text
 * Source: QEMU, util/cutils.c, qemu_strtosz; fractions are not read here.
 */
export function parseSize(text: string, suffix: '' | 'm'): bigint | undefined {
  const [, digits, unit = ''] = /^(0x[0-9a-f]{1,16}|[0-9]{1,19})([bkmgtpe]?)$/i.exec(text) ?? [];
  const shift = SIZE_SHIFT[(unit || suffix).toLowerCase()];
  return digits === undefined || shift === undefined ? undefined : BigInt(digits) << shift;
}
