import { HarnessError } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';

/** Reads standard input to its end, no further than its bound. @throws HarnessError FILE_UNREADABLE */
async function readStandardInput(what: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > maxBytes) {
      const where = 'standard input';
      throw new HarnessError({ code: 'FILE_UNREADABLE', what: `the ${what} is larger than ${maxBytes} bytes`, where });
    }
  }
  return Buffer.concat(chunks);
}

/**
 * Reads a file that may be named `-` for standard input.
 * @param hint what to do where it cannot be read   @throws HarnessError FILE_UNREADABLE
 */
export async function readFileOrInput(
  path: string,
  what: string,
  maxBytes: number,
  hint?: string,
): Promise<Uint8Array> {
  if (path === '-') return readStandardInput(what, maxBytes);
  return readInputFile({ path, what, maxBytes, ...(hint !== undefined && { hint }) });
}
