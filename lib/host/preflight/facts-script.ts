import { sizeOf } from '../../abi/layout.ts';
import { SNP_PLATFORM_STATUS } from '../../abi/snp-platform-status.ts';
import { SEV_COMMAND, SEV_SCRIPT } from '../sev-ioctl.ts';
import { SECTION_PREAMBLE } from './sections.ts';

/** Bytes of SNP_PLATFORM_STATUS, all zero. */
const EMPTY_STATUS = '00'.repeat(sizeOf(SNP_PLATFORM_STATUS));

/** The programs without which a host cannot be used. Source: the scripts of this room. */
const NEEDED_PROGRAMS = [
  'sh',
  'timeout',
  'setsid',
  'mkfifo',
  'head',
  'dd',
  'env',
  'mkdir',
  'mv',
  'rm',
  'sha256sum',
  'flock',
];

/**
 * Asks a Linux machine what it is. Arguments: the mark of the sections, the host's directory, `sudo` or `user`: whether
 * what is root's to read is read with sudo. Nothing is written there.
 */
export const FACTS_SCRIPT = `${SECTION_PREAMBLE}
directory=$1 how=$2
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
root() {
  name=$1
  shift
  if [ "$how" = sudo ]; then section "$name" sudo -n -- "$@"; else section "$name" "$@"; fi
}
leaf() { root "$1" sh -c 'dd if="$0" bs="$1" count=1 iflag=skip_bytes skip="$2" 2>/dev/null | od -An -v "$3"' "$2" "$3" "$4" "$5"; }

section kernel uname -srm
section user id -un
section cpu sed '/^$/q' /proc/cpuinfo
section sockets sh -c 'grep "^physical id" /proc/cpuinfo | sort -u | wc -l'
section processors getconf _NPROCESSORS_ONLN
section smt cat /sys/devices/system/cpu/smt/active
section kvm_amd sh -c 'cd /sys/module/kvm_amd/parameters && grep -H . sev sev_es sev_snp debug_swap ciphertext_hiding_asids 2>/dev/null; exit 0'
section kvm sh -c '[ -e /dev/kvm ] || { echo absent; exit 1; }; : <>/dev/kvm'
root sev sh -c '[ -e /dev/sev ] || { echo absent; exit 1; }; : <>/dev/sev'
leaf cpuid /dev/cpu/0/cpuid 16 2147483679 -tx4
leaf syscfg /dev/cpu/0/msr 8 3221291024 -tx8
root status sh -c '${SEV_SCRIPT.replaceAll("'", `'\\''`)}' sh ${SEV_COMMAND.SNP_PLATFORM_STATUS} ${EMPTY_STATUS}
section misc sh -c 'cd /sys/fs/cgroup && grep -H . misc.capacity misc.current 2>/dev/null; exit 0'
section memory cat /proc/meminfo
section directory sh -c '
  d=$0
  while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  [ -d "$d" ] || { echo "$d is no directory"; exit 1; }
  [ -w "$d" ] || { echo "$d may not be written by $(id -un)"; exit 1; }' "$directory"
section disk sh -c 'd=$0; while [ ! -e "$d" ]; do d=$(dirname "$d"); done; df -Pk -- "$d" && df -Pi -- "$d"' "$directory"
section memlock sh -c 'ulimit -l; ulimit -n'
section dmi sh -c 'cd /sys/class/dmi/id && grep -H . bios_vendor bios_version bios_date sys_vendor product_name 2>/dev/null; exit 0'
section options cat /proc/cmdline
root log sh -c '{ dmesg || journalctl -q -k -b --no-pager -o cat; } 2>/dev/null | grep -E "SEV|RMP|ccp |IOMMU.*SNP|AMD-Vi.*SNP" | head -n 64'
section programs sh -c 'for p; do command -v "$p" >/dev/null || echo "$p"; done' sh ${NEEDED_PROGRAMS.join(' ')}
section snphost-there sh -c 'command -v snphost'
if command -v snphost >/dev/null; then
  section snphost-version snphost --version
  root snphost-json snphost ok --output json
  root snphost-text snphost ok
fi
`;

/**
 * Asks one QEMU binary what it can do, without a guest and without KVM. Arguments: the mark of the sections, the binary.
 */
export const QEMU_SCRIPT = `${SECTION_PREAMBLE}
section version "$1" --version
section snp "$1" -object sev-snp-guest,help
section machine "$1" -machine q35,help
section cpu "$1" -cpu help
`;
