import { spawn } from 'node:child_process';
import { createHash, type KeyObject } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { snpSignature } from '../identity/ecdsa.ts';
import { readSignature } from '../identity/signature-encoding.ts';
import { splitShell } from '../qemu/shell-words.ts';
import { lastLine } from '../text.ts';

/** A program that signs, for keys that do not leave where they are. */
export interface ExternalSigner {
  argv: readonly string[];
  timeoutMs: number;
  /** The option that named it, for messages. */
  option: string;
}

/** What is to be signed, and by whom. */
export interface SigningRequest {
  message: Uint8Array;
  /** The public half of the key that the program signs with. */
  publicKey: KeyObject;
  role: 'ID key' | 'author key';
}

/** A signature in any encoding is shorter; more is no signature. */
const OUTPUT_BYTES_MAX = 4096;
const STDERR_BYTES_MAX = 16 * 1024;

/** Tells the program which of the keys is asked for, so that one program can hold both. */
const ROLE_VARIABLE = 'SNP_CONFORM_SIGNING_KEY';
const ROLE_VALUES = { 'ID key': 'id-key', 'author key': 'author-key' } as const;

/**
 * Splits the command line of a signer into words: quotes and backslashes as in a shell, and nothing is run by one.
 * @throws HarnessError USAGE for what only a shell could do: variables, pipes, several commands
 */
export function signerArgv(text: string, option: string): string[] {
  const refuse = (what: string): never => {
    const hint = 'it is split into words and run without a shell; put more than that into a script';
    throw new HarnessError({ code: 'USAGE', what, where: option, hint });
  };
  const commands = splitShell(text);
  const [words] = commands;
  if (words === undefined) return refuse('the command of the signer is empty');
  if (commands.length > 1) return refuse('the command of the signer is several commands');
  const unknown = words.find((word) => word.unknown !== null)?.unknown;
  if (unknown)
    return refuse(`the command of the signer has ${JSON.stringify(unknown.part)}, which only a shell can tell`);
  return words.map((word) => word.text);
}

/** What a signer left behind. */
interface SignerRun {
  exitCode: number | null;
  signal: string | null;
  stdout: Uint8Array;
  stderr: string;
}

/** Runs a signer with a digest on its standard input, no longer than its deadline and no more output than its bound. */
function runSigner({ argv, timeoutMs, option }: ExternalSigner, digest: Uint8Array, role: string): Promise<SignerRun> {
  const [program = '', ...args] = argv;
  const fail = (what: string, cause?: unknown): HarnessError =>
    new HarnessError({ code: 'SIGNER_FAILED', what, where: `${option} ${program}`, cause });
  return new Promise((resolve, reject) => {
    // Not detached: it may ask for a PIN on the terminal.
    const child = spawn(program, args, {
      env: { ...process.env, [ROLE_VARIABLE]: role },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const kept: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
    let bytes = 0;
    let stderrBytes = 0;
    const stop = (error: HarnessError): void => {
      clearTimeout(timer);
      reject(error);
      child.kill('SIGKILL');
      // What it started may still hold these open.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    };
    const timer = setTimeout(
      () => stop(fail(`the signer did not answer within ${timeoutMs / 1000} seconds`)),
      timeoutMs,
    );
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= OUTPUT_BYTES_MAX) kept.stdout.push(chunk);
      else stop(fail(`the signer wrote more than ${OUTPUT_BYTES_MAX} bytes; a signature has about 100`));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderrBytes < STDERR_BYTES_MAX) kept.stderr.push(chunk.subarray(0, STDERR_BYTES_MAX - stderrBytes));
      stderrBytes += chunk.length;
    });
    // A signer that takes the digest from elsewhere need not read it.
    child.stdin.on('error', () => undefined);
    child.once('error', (cause) => {
      const what = `the signer cannot be run: ${fileTrouble(cause)}`;
      const hint = 'name a program that is in PATH, or its whole path';
      stop(new HarnessError({ code: 'USAGE', what, where: `${option} ${program}`, hint, cause }));
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      const stderr = Buffer.concat(kept.stderr).toString('utf8');
      resolve({ exitCode, signal, stdout: Buffer.concat(kept.stdout), stderr });
    });
    child.stdin.end(digest);
  });
}

/**
 * Has a program sign: it is given the 48 bytes of the SHA-384 digest on its standard input, and writes the signature, DER or
 * raw R and S, as bytes, hex or base64. The signature is verified with the public key before it is used.
 * @returns 512 bytes, as an ID auth holds it
 * @throws HarnessError USAGE when there is no such program; SIGNER_FAILED when it fails or takes too long; SIGNATURE_INVALID
 */
export async function signExternally(signer: ExternalSigner, request: SigningRequest): Promise<Uint8Array> {
  const { message, publicKey, role } = request;
  const digest = createHash('sha384').update(message).digest();
  const { exitCode, signal, stdout, stderr } = await runSigner(signer, digest, ROLE_VALUES[role]);
  if (exitCode !== 0) {
    const words = lastLine(stderr);
    const ended = signal === null ? `with exit code ${exitCode}` : `by ${signal}`;
    throw new HarnessError({
      code: 'SIGNER_FAILED',
      what: `${role}: the signer ended ${ended}${words === '' ? '' : `: ${words}`}`,
      where: `${signer.option} ${signer.argv[0]}`,
    });
  }
  return snpSignature(readSignature(stdout, { message, publicKey, role }));
}
