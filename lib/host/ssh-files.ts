import { type FileHandle, open } from 'node:fs/promises';
import type { SFTPWrapper } from 'ssh2';
import { HarnessError } from '../errors.ts';
import type { SshConnection } from './ssh-connection.ts';

/** An upload that moves no byte for so long is given up. */
const STALL_MS = 60_000;
const CHUNK_BYTES = 32 * 1024;
/** Of uploads: larger parts cost fewer messages, and OpenSSH takes 256 KiB in one. */
const PART_BYTES = 128 * 1024;
const PARTS_AT_ONCE = 32;
/** SSH_FX_NO_SUCH_FILE. Source: draft-ietf-secsh-filexfer-02, section 7. */
const NO_SUCH_FILE = 2;

/** A failed request of SFTP, as ssh2 hands it over. */
function isNoSuchFile(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === NO_SUCH_FILE;
}

/** Opens the file channel of a connection. @throws HarnessError HOST_UPLOAD when the server has none */
export async function openSftp(connection: SshConnection): Promise<SFTPWrapper> {
  return connection.operation<SFTPWrapper>('the file channel (SFTP)', (resolve, reject) => {
    connection.client.sftp((cause, sftp) => {
      if (cause === undefined) {
        sftp.on('error', () => undefined);
        resolve(sftp);
        return;
      }
      reject(
        new HarnessError({
          code: 'HOST_UPLOAD',
          what: `the server opens no file channel: ${cause.message}`,
          where: connection.where,
          hint: 'sshd_config needs: Subsystem sftp internal-sftp',
          cause,
        }),
      );
    });
  });
}

/** Size of a file on the host; undefined where there is none. */
async function sizeOnHost(connection: SshConnection, sftp: SFTPWrapper, path: string): Promise<number | undefined> {
  return connection.operation<number | undefined>(`the size of ${path}`, (resolve, reject) => {
    sftp.stat(path, (error, stats) => {
      if (error === undefined) resolve(stats.size);
      else if (isNoSuchFile(error)) resolve(undefined);
      else reject(error);
    });
  });
}

/** Writes a local file, from a place on, into an open file of the host; many parts are under way at once. */
async function writeFrom(
  connection: SshConnection,
  sftp: SFTPWrapper,
  local: FileHandle,
  handle: Buffer,
  from: number,
): Promise<void> {
  let next = from;
  let over = false;
  const one = async (): Promise<void> => {
    while (!over) {
      const at = next;
      next += PART_BYTES;
      const { bytesRead, buffer } = await local.read(Buffer.allocUnsafe(PART_BYTES), 0, PART_BYTES, at);
      over ||= bytesRead < PART_BYTES;
      if (bytesRead === 0) return;
      await connection.operation<void>(
        'a part of an upload to be taken',
        (resolve, reject) => {
          sftp.write(handle, buffer, 0, bytesRead, at, (error) => (error ? reject(error) : resolve()));
        },
        STALL_MS,
      );
    }
  };
  try {
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, one));
  } finally {
    over = true;
  }
}

/**
 * Copies a local file to a temporary name beside hostPath and renames it when its size is right. What an upload left there
 * whose connection was lost is gone on with; nobody else may upload to the same path meanwhile.
 * @throws HarnessError HOST_UPLOAD, HOST_TIMEOUT, SSH_LOST
 */
export async function uploadFile(
  connection: SshConnection,
  sftp: SFTPWrapper,
  localPath: string,
  hostPath: string,
): Promise<void> {
  const temporaryPath = `${hostPath}.part`;
  let local: FileHandle | undefined;
  try {
    local = await open(localPath, 'r');
    const { size } = await local.stat();
    const there = (await sizeOnHost(connection, sftp, temporaryPath)) ?? 0;
    // Parts arrive in any order: of the last ones that were under way some may be missing.
    const from = there > size ? 0 : Math.max(0, there - PARTS_AT_ONCE * PART_BYTES);
    const handle = await connection.operation<Buffer>(`the upload of ${localPath}`, (resolve, reject) => {
      sftp.open(temporaryPath, from > 0 ? 'r+' : 'w', 0o644, (error, opened) =>
        error === undefined ? resolve(opened) : reject(error),
      );
    });
    await writeFrom(connection, sftp, local, handle, from);
    await connection.operation<void>('the end of an upload', (resolve, reject) => {
      sftp.close(handle, (error) => (error ? reject(error) : resolve()));
    });
    const copied = await sizeOnHost(connection, sftp, temporaryPath);
    if (copied !== size) throw new Error(`expected ${size} bytes on the host, found ${copied ?? 'no file'}`);
    await connection.operation<void>('the rename of an upload', (resolve, reject) => {
      sftp.ext_openssh_rename(temporaryPath, hostPath, (error) => (error ? reject(error) : resolve()));
    });
  } catch (cause) {
    if (connection.lost === undefined) sftp.unlink(temporaryPath, () => undefined);
    if (cause instanceof HarnessError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError({
      code: 'HOST_UPLOAD',
      what: `${localPath} could not be copied to ${hostPath}: ${why}`,
      where: connection.where,
      hint: 'is the directory there, writable and not full?',
      cause,
    });
  } finally {
    await local?.close();
  }
}

/**
 * Reads a file on the host from its start.
 * @returns at most maxBytes; undefined where there is no such file   @throws HarnessError HOST_COMMAND, SSH_LOST
 */
export async function readHostFile(
  connection: SshConnection,
  sftp: SFTPWrapper,
  hostPath: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const what = `the file ${hostPath}`;
  try {
    const handle = await connection.operation<Buffer>(what, (resolve, reject) => {
      sftp.open(hostPath, 'r', (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
    });
    try {
      return await readAll(connection, sftp, handle, what, maxBytes);
    } finally {
      if (connection.lost === undefined) sftp.close(handle, () => undefined);
    }
  } catch (cause) {
    if (isNoSuchFile(cause)) return undefined;
    if (cause instanceof HarnessError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError({
      code: 'HOST_COMMAND',
      what: `${hostPath} cannot be read: ${why}`,
      where: connection.where,
      cause,
    });
  }
}

async function readAll(
  connection: SshConnection,
  sftp: SFTPWrapper,
  handle: Buffer,
  what: string,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < maxBytes) {
    const wanted = Math.min(CHUNK_BYTES, maxBytes - length);
    const chunk = await connection.operation<Uint8Array>(what, (resolve, reject) => {
      const at = length;
      sftp.read(handle, Buffer.alloc(wanted), 0, wanted, at, (error, bytesRead, buffer) => {
        // The end of the file comes as an error from some servers and as no bytes from others.
        if (error === undefined || error === null) resolve(Uint8Array.from(buffer.subarray(0, bytesRead)));
        else if (Reflect.get(error, 'code') === 1) resolve(new Uint8Array());
        else reject(error);
      });
    });
    if (chunk.length === 0) break;
    chunks.push(chunk);
    length += chunk.length;
  }
  return Uint8Array.from(Buffer.concat(chunks));
}
