import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CERTIFICATE_FILE_BYTES_MAX,
  type CertificateBundle,
  readCertificateFile,
} from '../attestation/certificate-file.ts';
import { HarnessError } from '../errors.ts';
import { fileTrouble, readInputFile } from '../evidence/input-file.ts';

const FILES_MAX = 10_000;

function unreadable(path: string, cause: unknown): HarnessError {
  return new HarnessError({
    code: 'FILE_UNREADABLE',
    what: `cannot read the certificates: ${fileTrouble(cause)}`,
    where: path,
    cause,
  });
}

/** The regular files of a folder, in the order of their names; the path itself where it is no folder. */
async function filesOf(path: string): Promise<{ paths: string[]; isFolder: boolean }> {
  try {
    if (!(await stat(path)).isDirectory()) return { paths: [path], isFolder: false };
    const names = (await readdir(path)).sort();
    if (names.length > FILES_MAX) throw new Error(`the folder has more than ${FILES_MAX} entries`);
    const paths = names.map((name) => join(path, name));
    const kinds = await Promise.all(paths.map(async (file) => (await stat(file)).isFile()));
    return { paths: paths.filter((_, index) => kinds[index]), isFolder: true };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readOne(path: string): Promise<CertificateBundle> {
  const bytes = await readInputFile({ path, what: 'certificate file', maxBytes: CERTIFICATE_FILE_BYTES_MAX });
  return readCertificateFile(bytes, path);
}

/**
 * Reads certificates and lists from files and folders, by what they hold and not by their names. In a folder a file that
 * holds neither is passed over, and a note says so.
 * @throws HarnessError FILE_UNREADABLE; CERTIFICATE_INVALID, CERTIFICATE_TABLE_INVALID for a file that was named itself
 */
export async function loadCertificates(
  paths: readonly string[],
  note: (text: string) => void,
): Promise<CertificateBundle> {
  const all: CertificateBundle = { certificates: [], crls: [] };
  for (const path of paths) {
    const { paths: files, isFolder } = await filesOf(path);
    for (const file of files) {
      try {
        const { certificates, crls } = await readOne(file);
        all.certificates.push(...certificates);
        all.crls.push(...crls);
        if (!isFolder && certificates.length + crls.length === 0) note(`${file}: it holds no certificate`);
      } catch (error) {
        if (!isFolder || !(error instanceof HarnessError)) throw error;
        note(`${file}: passed over: ${error.what}`);
      }
    }
  }
  return all;
}
