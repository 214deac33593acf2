import { inflateRawSync } from 'node:zlib';
import type { PageData } from '../../../lib/reporters/page/builder.ts';
import type { PageIndex } from '../../../lib/reporters/page/model.ts';

/** The text of a block of the page. */
export function unpack(base64: string): string {
  return inflateRawSync(Buffer.from(base64, 'base64')).toString('utf8');
}

/** A value of chunks by its number, references followed. */
export function keptValue(chunks: readonly (readonly string[])[], number: number): unknown {
  return resolve(
    chunks.map((stream) => stream.flatMap((chunk) => JSON.parse(unpack(chunk)) as unknown[])),
    number,
  );
}

function resolve(streams: readonly (readonly unknown[])[], number: number): unknown {
  const follow = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(follow);
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first?.[0] === '$') return resolve(streams, Number(first[1]));
    return Object.fromEntries(entries.map(([key, field]) => [key.startsWith('$') ? key.slice(1) : key, follow(field)]));
  };
  return follow(streams[number % streams.length]?.[Math.floor(number / streams.length)]);
}

export function indexOf(data: PageData): PageIndex {
  return JSON.parse(unpack(data.index)) as PageIndex;
}
