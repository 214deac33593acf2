import type { HostFacts } from '../../evidence/host-facts.ts';
import type { HostFinding } from '../../evidence/host-report.ts';

/** The facts of a host, as far as they could be asked, and what is wanted of it. */
export interface HostSubject {
  emulated: boolean;
  facts: HostFacts;
  /** Where artifacts and launches live. */
  directory: string;
  /** Names of the QEMU builds that can launch SNP guests. */
  usableBuilds: readonly string[];
}

/** SNP_LAUNCH and the ioctls of upstream need this much. Source: Linux drivers/crypto/ccp/sev-dev.c, SNP_MIN_API_*. */
const FIRMWARE_MIN = { apiMajor: 1, apiMinor: 51 };
/** Free disk below which a host is of no use, and below which it is worth a word. */
const DISK_MIN_MIB = 64;
const DISK_LOW_MIB = 1024;
const INODES_MIN = 256;

type Rule = (subject: HostSubject) => HostFinding | HostFinding[] | undefined;

const error = (code: HostFinding['code'], what: string, fix: string): HostFinding => ({
  level: 'error',
  code,
  what,
  fix,
});
const warning = (code: HostFinding['code'], what: string, fix: string): HostFinding => ({
  level: 'warning',
  code,
  what,
  fix,
});
const note = (what: string, fix: string | null = null): HostFinding => ({ level: 'note', code: null, what, fix });

/** A processor that never had SNP: nothing is wrong with the machine, and nothing can be done about it. */
const processor: Rule = ({ facts }) => {
  const { cpu, product } = facts.platform;
  if (cpu === null || product !== null) return undefined;
  return {
    level: 'cannot',
    code: null,
    what: `its processor has no SEV-SNP: ${cpu.name || cpu.vendor} (family ${cpu.family}, model ${cpu.model})`,
    fix: 'give the host an "emulation" in hosts.json, or take it out',
  };
};

/** Words of the kernel command line with which no SNP can be. Source: Linux drivers/iommu/amd/init.c, arch/x86/virt/svm/sev.c. */
const FATAL_OPTIONS = /^(?:iommu=(?:pt|off)|amd_iommu=(?:off|pgtbl_v2)|kvm_amd\.sev(?:_es|_snp)?=(?:0|n|N|off))$/;

const snpEnabled: Rule = ({ facts: { platform, machine } }) => {
  if (platform.product === null || platform.snpEnabled === true) return undefined;
  const options = machine.kernelOptions.filter((option) => FATAL_OPTIONS.test(option));
  if (options.length > 0) {
    const fix = `boot without ${options.join(' and ')}`;
    return error('HOST_SNP', `SNP is off: the kernel command line has ${options.join(' ')}`, fix);
  }
  const complaint = machine.kernelLog.find((line) =>
    /SNP.*(?:cannot be supported|not enabled|failed)|RMP.*(?:not been|does not cover)/.test(line),
  );
  if (platform.snpEnabled === null) {
    return error(
      'HOST_SNP',
      'SNP cannot be on: kvm_amd is not loaded, or its kernel is older than SNP',
      'run: modprobe kvm_amd; upstream kernels have SNP since 6.11 (CONFIG_KVM_AMD_SEV)',
    );
  }
  return error(
    'HOST_SNP',
    `SNP is off: kvm_amd.sev_snp is N${complaint === undefined ? '' : `; the kernel says: ${complaint.trim()}`}`,
    'in the BIOS: SMEE, SEV-SNP support, SNP memory coverage, and an SEV-ES ASID space limit above 1; IOMMU on, not passed through',
  );
};

const devices: Rule = ({ facts: { machine, platform } }) => {
  if (platform.product === null) return undefined;
  const user = machine.user ?? 'the user';
  const found: HostFinding[] = [];
  const { kvm, sev } = machine.devices;
  if (!kvm.present) {
    found.push(error('HOST_DEVICE', '/dev/kvm is not there', 'is SVM on in the BIOS, and kvm_amd loaded?'));
  } else if (!kvm.usable) {
    found.push(
      error(
        'HOST_DEVICE',
        `/dev/kvm cannot be used: ${kvm.trouble}`,
        `as root: usermod -aG kvm ${user}, who then logs in anew`,
      ),
    );
  }
  if (!sev.present) {
    found.push(error('HOST_DEVICE', '/dev/sev is not there', 'run: modprobe ccp; see the kernel log for "ccp"'));
  } else if (!sev.usable) {
    const fix = `as root: chgrp kvm /dev/sev && chmod 660 /dev/sev && usermod -aG kvm ${user}, who then logs in anew; to keep it so: echo 'KERNEL=="sev", GROUP="kvm", MODE="0660"' > /etc/udev/rules.d/90-sev.rules`;
    found.push(error('HOST_DEVICE', `/dev/sev cannot be used: ${sev.trouble}`, fix));
  }
  return found;
};

const firmware: Rule = ({ facts: { platform } }) => {
  if (platform.firmware === null) {
    return platform.product === null
      ? undefined
      : note(
          'the version and TCB of the firmware could not be asked',
          'it needs /dev/sev and perl or python3, or "sudo": true',
        );
  }
  const { apiMajor, apiMinor } = platform.firmware;
  const tooOld =
    apiMajor < FIRMWARE_MIN.apiMajor || (apiMajor === FIRMWARE_MIN.apiMajor && apiMinor < FIRMWARE_MIN.apiMinor);
  return tooOld
    ? error(
        'HOST_FIRMWARE',
        `the SEV firmware is of API ${apiMajor}.${apiMinor}; SNP needs 1.51 or later`,
        'update the BIOS, or put a newer amd_sev_fam*.sbin into /lib/firmware/amd and reload ccp',
      )
    : undefined;
};

const initialised: Rule = ({ facts: { platform } }) => {
  if (platform.snpInitialised === false) {
    return error(
      'HOST_FIRMWARE',
      'the SEV firmware is not initialised for SNP',
      'see the kernel log for "SNP_INIT"; reload ccp and kvm_amd',
    );
  }
  if (platform.rmpInitialised === false) {
    return error('HOST_FIRMWARE', 'the RMP is not initialised', 'in the BIOS: SNP memory coverage');
  }
  return undefined;
};

const tcb: Rule = ({ facts: { platform } }) =>
  platform.tcb !== null && platform.tcb.current !== platform.tcb.reported
    ? note(`the reported TCB ${platform.tcb.reported} is not the current one, ${platform.tcb.current}`)
    : undefined;

const asids: Rule = ({ facts: { platform } }) => {
  const { snpAsids } = platform;
  if (snpAsids === null) return undefined;
  if (snpAsids.total === 0) {
    return error('HOST_ASIDS', 'there is no ASID for SNP guests', 'in the BIOS: SEV-ES ASID space limit above 1');
  }
  return snpAsids.used !== null && snpAsids.used >= snpAsids.total
    ? error(
        'HOST_ASIDS',
        `all ${snpAsids.total} ASIDs of SNP guests are in use`,
        'end guests that nobody needs; see /sys/fs/cgroup/misc.current, and `snp-conform hosts clean` for our own',
      )
    : undefined;
};

/** What to do where no QEMU launches SNP guests; a command comes after it. */
export const QEMU_WANTED = 'install QEMU 9.1 or later (Debian 12: from its backports, as docs/hosts.md says)';

const qemu: Rule = ({ facts, usableBuilds }) => {
  const builds = Object.entries(facts.qemu).filter(([name]) => !usableBuilds.includes(name));
  return builds.map(([name, build]) => {
    const trouble = build.trouble ?? `${build.path} (${build.version}) does not know sev-snp-guest`;
    const fix = `${QEMU_WANTED}, or name another build under "qemu" of this host in hosts.json`;
    const what = `QEMU build "${name}": ${trouble}`;
    return usableBuilds.length === 0 ? error('HOST_QEMU', what, fix) : warning('HOST_QEMU', what, fix);
  });
};

const programs: Rule = ({ facts: { machine } }) =>
  machine.missingPrograms.length === 0
    ? undefined
    : error(
        'HOST_PROGRAMS',
        `programs are missing: ${machine.missingPrograms.join(', ')}`,
        'install coreutils and util-linux',
      );

const disk: Rule = ({ facts: { machine }, directory }) => {
  const free = machine.disk;
  if (free === null) return undefined;
  const fix = `make room, or give the host another "directory"; \`snp-conform hosts clean\` removes old artifacts`;
  if (free.freeInodes !== null && free.freeInodes < INODES_MIN) {
    return error('HOST_DISK', `the file system of ${directory} has ${free.freeInodes} free inodes`, fix);
  }
  if (free.freeMiB < DISK_MIN_MIB)
    return error('HOST_DISK', `the file system of ${directory} has ${free.freeMiB} MiB free`, fix);
  return free.freeMiB < DISK_LOW_MIB
    ? warning('HOST_DISK', `the file system of ${directory} has only ${free.freeMiB} MiB free`, fix)
    : undefined;
};

const folder: Rule = ({ facts: { machine }, directory }) =>
  machine.directoryTrouble === null
    ? undefined
    : error(
        'HOST_DIRECTORY',
        `${directory}: ${machine.directoryTrouble}`,
        'make it, and give it to the user; or name another "directory" in hosts.json',
      );

const snphost: Rule = ({ facts }) => {
  const failures = facts.snphost?.tests.filter((one) => one.status === 'fail') ?? [];
  if (failures.length === 0) return undefined;
  const names = failures.slice(0, 6).map(({ name, message }) => (message === null ? name : `${name} (${message})`));
  const more = failures.length > names.length ? `, and ${failures.length - names.length} more` : '';
  return note(`snphost ok says that these fail: ${names.join(', ')}${more}`);
};

/** About the machine, whether its platform is its own or emulated. */
const MACHINE_RULES: readonly Rule[] = [qemu, programs, folder, disk];
/** About a platform that is asked of the machine. */
const PLATFORM_RULES: readonly Rule[] = [processor, snpEnabled, devices, firmware, initialised, tcb, asids, snphost];

const LEVELS: readonly HostFinding['level'][] = ['error', 'cannot', 'warning', 'note'];

/** Findings in the order in which people are told of them. */
export function gravestFirst(findings: readonly HostFinding[]): HostFinding[] {
  return findings.toSorted((left, right) => LEVELS.indexOf(left.level) - LEVELS.indexOf(right.level));
}

/** All that the facts of a host give to say. */
export function findingsOf(subject: HostSubject): HostFinding[] {
  const rules = subject.emulated ? MACHINE_RULES : [...PLATFORM_RULES, ...MACHINE_RULES];
  return gravestFirst(rules.flatMap((rule) => rule(subject) ?? []));
}

/** What follows from the findings for the host as a whole: a machine that could not launch anyway is not called broken. */
export function hostState(findings: readonly HostFinding[]): 'ready' | 'out' | 'unfit' {
  if (findings.some(({ level }) => level === 'cannot')) return 'unfit';
  return findings.some(({ level }) => level === 'error') ? 'out' : 'ready';
}
