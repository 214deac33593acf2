import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { HarnessError } from '../errors.ts';
import { HOST_PROFILES } from '../firmware/profiles.ts';
import { type HostEntry, hostsOf } from '../host/hosts-file.ts';

/** Options that say where guests are launched. */
export interface HostFlags {
  host?: string;
  local?: true;
  key?: string;
  knownHosts?: string;
  directory?: string;
  slots?: number;
  /** A profile; true: the usual one. */
  emulated?: string | true;
}

/** An entry of hosts.json as it is written. */
export type WrittenHost = Readonly<Record<string, unknown>> & { readonly name: string };

/** The host kernel that an emulated host passes for unless another is named. */
export const USUAL_PROFILE = 'upstream-6.12';
const KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

function usage(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: 'snp-conform init', hint });
}

/** `user@address`, `user@address:port`, `user@[::1]:port`. @throws HarnessError USAGE */
export function parseTarget(text: string): { user: string; address: string; port: number } {
  const [, user, bracketed, plain, port = '22'] =
    /^([^@\s]+)@(?:\[([0-9A-Fa-f:]+)\]|([^\s@:/]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (user !== undefined && address !== undefined && Number(port) >= 1 && Number(port) <= 65535) {
    return { user, address, port: Number(port) };
  }
  throw usage(`--host ${JSON.stringify(text)} is no host`, 'give user@address or user@address:port');
}

/** A name for a host: that of its machine, in what names of projects may have. */
export function hostName(address: string): string {
  const short = /^[0-9.:A-Fa-f]+$/.test(address) ? `host-${address}` : (address.split('.')[0] ?? address);
  const name = short
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40);
  return name === '' ? 'host' : name;
}

/** The name of an emulation profile; undefined where none is asked for. @throws HarnessError USAGE */
export function profileOf({ emulated }: HostFlags): string | undefined {
  if (emulated === undefined) return undefined;
  const name = emulated === true ? USUAL_PROFILE : emulated;
  const known = HOST_PROFILES.map((profile) => profile.name);
  if (known.includes(name)) return name;
  throw usage(`--emulated: no profile is named ${JSON.stringify(name)}`, `known: ${known.join(', ')}`);
}

/** How the user gets in: the key that was named, one of the usual ones, or the agent. */
function accessOf(
  { key, knownHosts }: HostFlags,
  folder: string,
  environment: NodeJS.ProcessEnv,
  home: string,
): object {
  const here = (path: string): string => (/^[~$]/.test(path) ? path : resolve(folder, path));
  const usual = KEYS.map((name) => `~/.ssh/${name}`).find((path) => existsSync(path.replace('~', home)));
  const known = { knownHosts: here(knownHosts ?? '~/.ssh/known_hosts') };
  if (key !== undefined) return { privateKey: here(key), ...known };
  if (usual !== undefined) return { privateKey: usual, ...known };
  if (environment.SSH_AUTH_SOCK) return { agent: true, ...known };
  throw usage(
    `there is no key to reach the host with: none of ${KEYS.join(', ')} in ${join(home, '.ssh')}, and no agent`,
    'name one with --key, or make one with ssh-keygen and bring it to the host with ssh-copy-id',
  );
}

/** The host of the flags, without QEMU builds. @param folder where paths start   @throws HarnessError USAGE */
export function hostOf(
  flags: HostFlags,
  folder: string = process.cwd(),
  environment: NodeJS.ProcessEnv = process.env,
  home: string = homedir(),
): WrittenHost {
  const { host, directory = '/var/tmp/snp-conform', slots = 2 } = flags;
  const common = { slots, directory };
  if (host === undefined) return { name: 'here', kind: 'local', ...common };
  const target = parseTarget(host);
  const access = accessOf(flags, folder, environment, home);
  return { name: hostName(target.address), kind: 'ssh', ...target, ...access, ...common };
}

/** An entry as hosts.json is read. @param folder where that file will be   @throws HarnessError HOSTS_INVALID */
export function entryOf(written: WrittenHost, folder: string): HostEntry {
  const document = { format: 'snp-conform/hosts@1', hosts: [written] };
  const [entry] = hostsOf(document, join(folder, 'hosts.json'));
  if (entry === undefined) throw new HarnessError({ code: 'INTERNAL', what: 'a host was lost' });
  return entry;
}
