import { asHarnessError, HarnessError } from '../../errors.ts';
import type { HostFacts, QemuFacts } from '../../evidence/host-facts.ts';
import type { HostFinding, HostReport } from '../../evidence/host-report.ts';
import type { HostProvenance } from '../../evidence/schema.ts';
import { emulatedChip } from '../../firmware/chip.ts';
import { describeFault } from '../../firmware/faults.ts';
import { DEFAULT_VMM_PROFILE, vmmProfileOf, vmmProfileOfHostKernel } from '../../measure/vmm-profiles.ts';
import type { Emulation } from '../emulation.ts';
import type { LocalArtifact } from '../host.ts';
import type { HostEntry } from '../hosts-file.ts';
import { GUEST_MEMORY_MIB } from '../launch.ts';
import { ensureTree, type QemuTree, type TreePacker } from '../qemu-tree.ts';
import type { Session } from '../session.ts';
import { findCbitpos } from './cbitpos.ts';
import { emulatedPlatform } from './emulated-facts.ts';
import { findingsOf, gravestFirst, hostState } from './findings.ts';
import { askMachine, askQemu } from './gather.ts';
import { slotFindings, usableSlots } from './slots.ts';

/** What an examination of a host found; a report of it without name and time. */
export type Examination = Pick<HostReport, 'state' | 'findings' | 'facts' | 'provenance' | 'slots'>;

/** A build that is a tree here, packed; or why it cannot be, which is the trouble of this build alone. */
async function packedTree(trees: TreePacker, build: QemuTree): Promise<LocalArtifact | string> {
  try {
    return await trees.pack(build);
  } catch (thrown) {
    if (thrown instanceof HarnessError) return thrown.what;
    throw thrown;
  }
}

/** Asks a QEMU build; one that is a tree here is brought there first. */
async function askBuild(
  build: string | QemuTree,
  { directory }: HostEntry,
  session: Session,
  trees: TreePacker,
): Promise<QemuFacts> {
  if (typeof build === 'string') return askQemu(session, build);
  const packed = await packedTree(trees, build);
  if (typeof packed === 'string') {
    const path = `${build.tree}/${build.binary}`;
    return { path, version: null, trouble: packed, snpOptions: null, igvm: false, epycModels: [] };
  }
  return askQemu(session, `${await ensureTree(session, `${directory}/store`, packed)}/${build.binary}`);
}

/** Asks every QEMU build of a host, side by side. */
async function askBuilds(entry: HostEntry, session: Session, trees: TreePacker): Promise<Record<string, QemuFacts>> {
  const builds = Object.entries(entry.qemu).map(
    async ([name, build]) => [name, await askBuild(build, entry, session, trees)] as const,
  );
  return Object.fromEntries(await Promise.all(builds));
}

/** The builds that can launch SNP guests. */
function usableBuilds(builds: Readonly<Record<string, QemuFacts>>): HostProvenance['qemu'] {
  return Object.fromEntries(
    Object.entries(builds).flatMap(([name, { path, version, snpOptions }]) =>
      version === null || snpOptions === null ? [] : [[name, { path, version }]],
    ),
  );
}

/** An error of the harness as something that is wrong with a host. */
export function findingOf(thrown: unknown): HostFinding {
  const error = asHarnessError(thrown, { code: 'INTERNAL' });
  return { level: 'error', code: error.code, what: error.what, fix: error.hint ?? null };
}

/** Files go to the host over a channel of its own, which some servers do not have. @throws HarnessError SSH_*, HOST_TIMEOUT */
async function fileChannelFindings({ directory }: HostEntry, session: Session): Promise<HostFinding[]> {
  try {
    await session.readFile(`${directory}/store`, 1);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof HarnessError)) throw thrown;
    if (thrown.code === 'HOST_UPLOAD') return [findingOf(thrown)];
    // It is a folder, or may not be read: the channel is there, for it said so.
    if (thrown.code === 'HOST_COMMAND') return [];
    throw thrown;
  }
}

/** Everything that can be asked of a host without starting a guest. */
async function gatherFacts(
  entry: HostEntry,
  session: Session,
  emulation: Emulation | null,
  trees: TreePacker,
): Promise<HostFacts> {
  const [answers, qemu] = await Promise.all([askMachine(session, entry), askBuilds(entry, session, trees)]);
  const platform =
    emulation === null
      ? answers.platform
      : emulatedPlatform(
          emulation.profile,
          emulatedChip(entry.name, emulation.platform).platform,
          entry.cbitpos ?? null,
        );
  return { platform, machine: answers.machine, qemu, snphost: answers.snphost };
}

/** What hosts.json says of a host that its reader must not forget. */
function entryFindings(entry: HostEntry): HostFinding[] {
  if (entry.kind === 'local') return [];
  const unchecked = [
    ...(entry.hostKeyCheck === 'off' ? ['the host'] : []),
    ...(entry.jump?.hostKeyCheck === 'off' ? ['its jump host'] : []),
  ];
  return unchecked.map((machine) => ({
    level: 'warning',
    code: null,
    what: `the key of ${machine} is NOT CHECKED ("hostKeyCheck": "off"): whoever answers at that address is believed`,
    fix: 'name its key ("hostKey") or a known_hosts file ("knownHosts") in hosts.json',
  }));
}

/**
 * Finds out what a host is, and what of it is wrong. Trouble of the host is a finding; only a session that is lost, or
 * does not answer, is an error.
 * @param trees packs the QEMU builds that are folders here
 * @throws HarnessError SSH_*, HOST_TIMEOUT, HOST_COMMAND, HOST_UPLOAD, HOST_DISK, ARTIFACT_CHANGED, FILE_UNREADABLE
 */
export async function examineHost(
  entry: HostEntry,
  session: Session,
  emulation: Emulation | null,
  trees: TreePacker,
): Promise<Examination> {
  const facts = await gatherFacts(entry, session, emulation, trees);
  const qemu = usableBuilds(facts.qemu);
  const slots = usableSlots(entry.slots, facts, GUEST_MEMORY_MIB);
  const subject = {
    emulated: emulation !== null,
    facts,
    directory: entry.directory,
    usableBuilds: Object.keys(qemu),
  };
  const findings = gravestFirst([
    ...entryFindings(entry),
    ...(await fileChannelFindings(entry, session)),
    ...findingsOf(subject),
    ...slotFindings(slots, facts, GUEST_MEMORY_MIB),
  ]);
  const [binary] = Object.values(qemu);
  if (hostState(findings) !== 'ready' || binary === undefined) {
    return { state: hostState(findings), findings, facts, provenance: null, slots };
  }
  try {
    const cbitpos = await findCbitpos(entry, session, emulation, binary.path);
    const faults = emulation?.faults.map(describeFault) ?? [];
    const known = emulation === null ? undefined : vmmProfileOfHostKernel(emulation.profile.name);
    const provenance = {
      name: entry.name,
      kind: emulation === null ? ('hardware' as const) : ('emulated' as const),
      profile: emulation?.profile.name ?? null,
      ...(faults.length === 0 ? {} : { faults }),
      vmmProfile: vmmProfileOf(entry.vmmProfile ?? known ?? DEFAULT_VMM_PROFILE).name,
      kernel: facts.machine.kernel,
      cbitpos,
      qemu,
    };
    const found = { ...facts, platform: { ...facts.platform, cbitpos } };
    return { state: 'ready', findings, facts: found, provenance, slots };
  } catch (thrown) {
    if (!(thrown instanceof HarnessError) || thrown.code.startsWith('SSH_')) throw thrown;
    return { state: 'out', findings: [findingOf(thrown), ...findings], facts, provenance: null, slots };
  }
}

/** The error of a host that cannot be used, for who has no report to write it into. */
export function examinationError({ findings, state }: Examination, name: string): HarnessError {
  const [first] = findings.filter(({ level }) => level === 'error' || level === 'cannot');
  return new HarnessError({
    code: first?.code ?? (state === 'unfit' ? 'HOST_SNP' : 'INTERNAL'),
    what: first?.what ?? 'preflight said no',
    where: `host ${name}`,
    hint: first?.fix ?? undefined,
  });
}
