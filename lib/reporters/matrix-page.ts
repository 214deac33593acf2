import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HarnessError } from '../errors.ts';
import type { CellFile } from '../evidence/schema.ts';
import type { LaunchInputs } from '../measure/inputs.ts';
import { evidenceInputs } from '../runner/predict-cell.ts';
import { pageAssets } from './page/assets.ts';
import type { PageData } from './page/builder.ts';
import { pageHtml } from './page/html.ts';

/** What a cell's prediction is made from; undefined where this version cannot make it any more. */
export function inputsOfCell({ evidence }: CellFile): LaunchInputs | undefined {
  try {
    return evidenceInputs(evidence);
  } catch (thrown) {
    if (thrown instanceof HarnessError) return undefined;
    throw thrown;
  }
}

/** Writes the page, whole or not at all. @throws HarnessError INTERNAL where script and style cannot be had */
export async function writeMatrixPage(path: string, data: PageData): Promise<void> {
  const fresh = `${path}.${process.pid}.tmp`;
  await pipeline(Readable.from(pageHtml(data, pageAssets())), createWriteStream(fresh));
  await rename(fresh, path);
}
