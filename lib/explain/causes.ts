import type { Change } from './change.ts';
import { layoutMeaning } from './layouts.ts';

/** What is told of a cause: where the difference usually comes from, and what to do. */
export interface CauseRow {
  /** One sentence or two: where such a difference usually comes from. */
  readonly why: string;
  /** What to predict with, or to change on the host. */
  readonly advice: (change: Change) => string;
}

const predictWith = (option: string) => (change: Change) => `Predict with ${option} ${change.to}`;
/** A word as bash reads it back; what writes on a terminal is written as its number. */
function shellWord(text: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
  if (!/[\x00-\x1f\x7f-\x9f]/.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `$'${escaped.replace(/[\x7f-\x9f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)}'`;
}
const append = ({ to }: Change): string => (to === null ? 'without --append' : `with --append ${shellWord(to)}`);
const cmdlineAdvice = (rest: string) => (change: Change) => `Predict ${append(change)}, or ${rest}.`;
/** A file as an option takes it: what was seen on a host is told with the start of its hash, which is no part of the path. */
const pathIn = (text: string): string => text.replace(/ \(sha256 [0-9a-f]{16}\.\.\.\)$/, '');
const fileAdvice =
  (option: string, what: string) =>
  ({ to }: Change) =>
    to === null
      ? `Predict without ${option}, or give the host the ${what} that was meant.`
      : `Predict with ${option} ${shellWord(pathIn(to))}, or give the host the ${what} that was meant; compare SHA-256 of both files.`;
const vcpusAdvice = ({ to }: Change): string =>
  `Predict with --vcpus ${to}, or launch with the count that was meant (-smp).`;
const layoutAdvice = ({ to }: Change): string =>
  `The host handed over ${layoutMeaning(to ?? '')}; update QEMU there, or predict with the --vmm-profile that launches so (snp-conform profiles).`;

/**
 * Every cause that the search knows; docs/mismatch-causes.md has an entry of each id, with where it was seen and an
 * example. Ids are for programs too: they are never renamed.
 */
export const CAUSES = {
  'debug-swap': {
    why: "AMD's host kernels 6.6 to 6.8 turn DebugSwap on, others do not; kvm_amd.debug_swap decides there.",
    advice: ({ to }) =>
      (BigInt(to ?? 0) & 0x20n) !== 0n
        ? `Predict with --guest-features ${to}, or set kvm_amd.debug_swap=0 on the host.`
        : `Predict with --guest-features ${to}; the host kernel does not turn DebugSwap on by itself.`,
  },
  'secure-tsc': {
    why: 'Secure TSC is asked for by the launch (secure-tsc=on in trees that have it), not by the host.',
    advice: ({ to }) => `Predict with --guest-features ${to}, or change secure-tsc of the sev-snp-guest object.`,
  },
  injection: {
    why: 'Restricted and alternate injection are asked for by the launch (init-flags in the AMD and SVSM trees).',
    advice: ({ to }) => `Predict with --guest-features ${to}, or change init-flags of the launch.`,
  },
  'guest-features': {
    why: 'SEV_FEATURES follow from the host kernel and from what the VMM asks KVM_SEV_INIT2 for.',
    advice: ({ to }) =>
      `Predict with --guest-features ${to} (reserved bits need --allow-reserved-features), or see what the host sets.`,
  },
  'fpu-state': {
    why: 'Linux 6.10 and later (KVM_SEV_INIT2) put the FPU state, MXCSR 0x1f80 and FCW 0x37f, into the VMSA; kernels before do not.',
    advice: ({ to }) =>
      `Predict with --vmm-profile ${to}${to === 'qemu-pre-init2' ? ' (short: --no-fpu-state)' : ''}; it follows the host kernel.`,
  },
  'fpu-state-of-aps': {
    why: 'QEMU 10.1 and later keep application processors with FCW and MXCSR 0; a kernel that takes them over measures zeros there.',
    advice: () =>
      'No profile predicts this; tell the makers of the host kernel or QEMU, with one vCPU the digest is the predicted one.',
  },
  'mxcsr-alone': {
    why: 'sev-snp-measure 0.0.13 writes MXCSR and forgets FCW in one of its states; no host is known to do so.',
    advice: () => 'The digest is from a calculator, not from a host: calculate it anew.',
  },
  'machine-checks-off': {
    why: "KVM takes CR4.MCE from the host's own CR4: a host that was booted with mce=off measures 0.",
    advice: () => 'Boot the host without mce=off.',
  },
  'cache-disabled': {
    why: 'KVM drops CR0.CD and CR0.NW unless its quirk KVM_X86_QUIRK_CD_NW_CLEARED is turned off.',
    advice: () => 'Do not turn the quirk off; QEMU does not.',
  },
  'gce-pat': {
    why: 'Google Compute Engine sets a PAT of its own (0x70106).',
    advice: () => 'Predict with --vmm gce if the guest runs there.',
  },
  'vcpu-type': {
    why: 'The -cpu model of the launch is another than was thought; its signature is in RDX of every VMSA.',
    advice: ({ to }) =>
      `Predict with --vcpu-type ${to} (any of its versions), or launch with -cpu of the model that was meant.`,
  },
  'host-cpu': {
    why: "With -cpu host, or with family=, model= or stepping= in -cpu, the signature is that of the host's own processor.",
    advice: ({ to }) => `Predict with --vcpu-sig ${to}, or launch with a named model such as -cpu EPYC-v4.`,
  },
  'signature-placeholder': {
    why: 'A signature of zero or of a constant comes from a VMM or a tool that has none of its own.',
    advice: predictWith('--vcpu-sig'),
  },
  'vcpu-signature': {
    why: 'The signature is of no model that is known here: a newer processor with -cpu host, or family=, model= and stepping= in -cpu.',
    advice: ({ to }) => `Predict with --vcpu-sig ${to}, or launch with a named model such as -cpu EPYC-v4.`,
  },
  'vcpu-count': {
    why: 'One VMSA is measured for each vCPU that is present at launch: the first number of -smp.',
    advice: vcpusAdvice,
  },
  'vcpu-count-maxcpus': {
    why: 'That is maxcpus of -smp; what counts is how many vCPUs are present at launch.',
    advice: vcpusAdvice,
  },
  'vcpus-in-cmdline': {
    why: 'The count of vCPUs stands in two places, -smp and the kernel command line; orchestrators change both together.',
    advice: (change) => (change.input === 'cmdline' ? `Predict with ${append(change)}.` : vcpusAdvice(change)),
  },
  'boot-vcpu-only': {
    why: 'Only the VMSA of vCPU 0 was measured: firmware that creates its application processors itself, or an SVSM.',
    advice: vcpusAdvice,
  },
  'vmsa-not-measured': {
    why: 'The digest is that before the first VMSA: a calculator that stops after the sections of the firmware.',
    advice: () => 'Take a calculator that measures VMSAs, such as snp-conform predict.',
  },
  'firmware-pages-only': {
    why: "The digest is that of the firmware's pages alone, as calculators print it for --ovmf-hash.",
    advice: () => 'Take the digest of the whole launch: predict --mode snp.',
  },
  'vmsa-address': {
    why: 'KVM hands over VMSAs under an all-ones address cut to 48 bits; its first SNP patches and other VMMs cut it to the physical address bits of the processor.',
    advice: ({ to }) => {
      const bits = BigInt(to ?? 0).toString(2).length;
      return [48, 51, 52].includes(bits)
        ? `Predict with --vmsa-address-bits ${bits}; it follows the host kernel and processor.`
        : `The host cuts the address to ${bits} bits; update its kernel.`;
    },
  },
  'other-vmm': {
    why: 'Each VMM sets segments, RDX and PAT of its own and may hand pages over in another order.',
    advice: predictWith('--vmm-profile'),
  },
  'ec2-rdx': {
    why: 'Amazon EC2 changed RDX from 0 to 0x600 in 2026; calculators know one or the other.',
    advice: predictWith('--vmm-profile'),
  },
  'other-firmware': {
    why: 'Another build of the firmware was launched: replaced by an update, rebuilt, or picked by another path.',
    advice: fileAdvice('--ovmf', 'firmware'),
  },
  'firmware-code-only': {
    why: 'OVMF.fd is OVMF_VARS and OVMF_CODE in one file: with pflash only the code part is measured.',
    advice: ({ to }) => `Predict with ${to}, or launch the whole image with -bios.`,
  },
  'ovmf-hash-of-another': {
    why: 'The digest after the firmware pages was used with the metadata of another build.',
    advice: ({ to }) => `Use --ovmf-hash with the image that it was made of: ${to}.`,
  },
  'svsm-place': {
    why: 'An SVSM is loaded below the UEFI variables, so its addresses follow from their size.',
    advice: ({ to }) => `Predict with --vars-size of the file that is launched: ${to}.`,
  },
  'section-type': {
    why: 'A section type that this VMM or calculator does not know was left out, or measured as another kind of page.',
    advice: layoutAdvice,
  },
  'memory-page-type': {
    why: 'QEMU hands memory sections over as ZERO pages, GCE as UNMEASURED ones.',
    advice: layoutAdvice,
  },
  'hashes-order': {
    why: 'edk2 moved the section of kernel hashes to the end in 2024; tools with a fixed order follow one or the other.',
    advice: layoutAdvice,
  },
  'hashes-after-firmware': {
    why: "AMD's QEMU before March 2023, and sev-snp-measure up to 0.0.4, measured the page of kernel hashes right after the firmware.",
    advice: (change) =>
      change.input === 'vmmProfile' ? `Predict with --vmm-profile ${change.to}.` : layoutAdvice(change),
  },
  'cpuid-order': {
    why: 'QEMU hands the sections over in the order of the metadata, EC2 the CPUID page last.',
    advice: layoutAdvice,
  },
  'kernel-hashes-off': {
    why: 'Without kernel-hashes=on of the sev-snp-guest object QEMU measures nothing of kernel, initrd and command line.',
    advice: () => 'Launch with kernel-hashes=on, or predict without --kernel, --initrd and --append.',
  },
  'kernel-hashes-on': {
    why: 'The host measured kernel, initrd and command line: kernel-hashes=on of the sev-snp-guest object.',
    advice: () => 'Predict with kernel-hashes=on, or launch with kernel-hashes=off.',
  },
  'kernel-not-predicted': {
    why: 'The host launched with a kernel and kernel-hashes=on; the prediction has none.',
    advice: fileAdvice('--kernel', 'kernel'),
  },
  'other-kernel': {
    why: 'Another kernel file was launched: an update, a link that moved, or another build.',
    advice: fileAdvice('--kernel', 'kernel'),
  },
  'kernel-header-patched': {
    why: 'A VMM that is not launching a confidential guest writes loader type and addresses into the setup header before it hashes it.',
    advice: () => 'Update the VMM: QEMU hashes the file as it is for confidential guests.',
  },
  'kernel-header-cleared': {
    why: 'The kernel at hand was taken from memory or another VMM: its setup header is filled in, that of the file is not.',
    advice: () => 'Predict with the kernel file as the distribution ships it.',
  },
  'other-initrd': {
    why: 'Another initrd was launched: they are rebuilt with every update, and not byte for byte the same.',
    advice: fileAdvice('--initrd', 'initrd'),
  },
  'initrd-absent': {
    why: 'The host launched without an initrd, or with an empty one; QEMU hashes both as no bytes at all.',
    advice: fileAdvice('--initrd', 'initrd'),
  },
  'initrd-not-predicted': {
    why: 'The host launched with an initrd; the prediction has none.',
    advice: fileAdvice('--initrd', 'initrd'),
  },
  'cmdline-newline': {
    why: 'A newline came along: `$(cat file)` drops it, reading a file in a program does not.',
    advice: cmdlineAdvice('strip the newline where the launch is put together'),
  },
  'cmdline-spaces': {
    why: 'Every space counts: before, after and between the words, as templates and shells leave them.',
    advice: cmdlineAdvice('give the launch exactly the text that was predicted'),
  },
  'cmdline-quotes': {
    why: 'A shell, a unit file or a log added or took away quotes and backslashes.',
    advice: cmdlineAdvice('take the words from /proc/PID/cmdline of QEMU'),
  },
  'cmdline-nul': {
    why: 'QEMU hashes the command line with one NUL at its end; some calculators hash it without, or without the empty one.',
    advice: () => 'The digest is from a calculator that hashes other bytes than QEMU: calculate it anew.',
  },
  'cmdline-absent': {
    why: 'The host launched with no command line at all; an empty one is measured the same.',
    advice: cmdlineAdvice('give the launch its -append'),
  },
  'cmdline-debug': {
    why: 'Debug builds and debug settings of runtimes add consoles and log levels.',
    advice: cmdlineAdvice('turn the debug setting off'),
  },
  'cmdline-tokens': {
    why: 'Runtimes put the command line together themselves, each version in its own way.',
    advice: cmdlineAdvice('give the launch exactly the text that was predicted'),
  },
  'cmdline-slot': {
    why: 'Systems with two boot slots, or several disks, have a valid command line for each.',
    advice: cmdlineAdvice('accept the digests of all slots'),
  },
  'cmdline-order': {
    why: 'The same words in another order are another text; runtimes gather them from several places.',
    advice: cmdlineAdvice('give the launch the order that was predicted'),
  },
  'cmdline-typo': {
    why: 'One character is another: typed by hand, or lost on the way.',
    advice: cmdlineAdvice('give the launch exactly the text that was predicted'),
  },
  'cmdline-cut': {
    why: 'A part of the command line is missing: a limit of length, or a quote that ended it early.',
    advice: cmdlineAdvice('quote the whole text where the launch is put together'),
  },
  'cmdline-of-the-guest': {
    why: '/proc/cmdline of the guest is not what -append got: boot loaders and OVMF put words before it.',
    advice: cmdlineAdvice('compare with -append, not with /proc/cmdline'),
  },
  'digest-written-otherwise': {
    why: 'The digest is the predicted one in another writing: base64, base64 of the hex digits, or bytes in reverse order.',
    advice: () => 'Compare bytes: 48 bytes, 96 hex digits, 64 characters of base64.',
  },
  'legacy-sev': {
    why: 'SEV and SEV-ES guests have a SHA-256 over all pages, 32 bytes; SNP has a chain of SHA-384, 48 bytes.',
    advice: ({ to }) => `Predict with --mode ${to}, or launch with sev-snp-guest.`,
  },
} as const satisfies Record<string, CauseRow>;

/** Causes that only evidence of a launch shows; no search finds them. They have entries of the same page. */
export const SEEN_CAUSES = {
  'pages-differ': {
    why: "QEMU's own trace of the launch has other pages than were predicted: place, length, type or order of the first that differs.",
    advice: () =>
      'Compare the trace (kvm_sev_snp_launch_update) with predict --ledger; look at the firmware that QEMU was given.',
  },
} as const satisfies Record<string, CauseRow>;

export type CauseId = keyof typeof CAUSES | keyof typeof SEEN_CAUSES;

const ALL: Readonly<Record<CauseId, CauseRow>> = { ...CAUSES, ...SEEN_CAUSES };

/** The row of a cause. */
export function causeOf(id: CauseId): CauseRow {
  return ALL[id];
}
