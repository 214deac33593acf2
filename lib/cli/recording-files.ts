import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { HarnessError } from '../errors.ts';
import { makeFolder } from '../evidence/folders.ts';
import { openRecording, type Recording } from '../evidence/recording/reader.ts';
import { warnOfDamage } from './compare.ts';

/** What all commands that read a recording take. */
export interface Common {
  keepGoing?: true;
}

/** Opens a recording, and warns of what is damaged. @throws HarnessError FILE_UNREADABLE, RECORDING_INVALID */
export function opened(path: string, { keepGoing }: Common): Recording {
  const recording = openRecording(path, keepGoing === true ? { keepGoing: true } : {});
  warnOfDamage(recording);
  return recording;
}

/** Where a recording is written. @throws HarnessError USAGE where that is the one that is read; OUTPUT_UNWRITABLE */
export function outputPath(input: string, output: string): string {
  if (existsSync(output) && resolve(input) === resolve(output)) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'the output is the recording itself',
      where: output,
      hint: 'name another file',
    });
  }
  makeFolder(dirname(resolve(output)), 'recording');
  return resolve(output);
}
