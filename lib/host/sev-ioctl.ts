/** Commands of /dev/sev that are asked for by hand. Source: Linux include/uapi/linux/psp-sev.h. */
export const SEV_COMMAND = { SNP_PLATFORM_STATUS: 9, SNP_COMMIT: 10, SNP_SET_CONFIG: 11 } as const;

/**
 * Programs that give /dev/sev one command, by ioctl. Arguments: the command's number, its data in hex; they print the data
 * after it in hex, and end with another code than 0 and the reason where it failed. perl is there on every Debian, python3
 * on most others, and neither has to be compiled on a host. SEV_ISSUE_CMD is _IOWR('S', 0, 16 bytes): the number, the address
 * of the data, and room for the firmware's status. Source: Linux include/uapi/linux/psp-sev.h.
 */
export const SEV_PROGRAMS = {
  perl: `
my ($command, $hex) = @ARGV;
open(my $device, "+<", "/dev/sev") or die "/dev/sev: $!\\n";
my $data = pack("H*", $hex);
my $issue = pack("LPL", $command, $data, 0);
defined(ioctl($device, 0xC0105300, $issue)) or die "$!, firmware status " . (unpack("LQL", $issue))[2] . "\\n";
print unpack("H*", $data), "\\n";
`,
  python3: `
import ctypes, fcntl, struct, sys
data = ctypes.create_string_buffer(bytes.fromhex(sys.argv[2]), len(sys.argv[2]) // 2)
issue = bytearray(struct.pack("=IQI", int(sys.argv[1]), ctypes.addressof(data), 0))
try:
    with open("/dev/sev", "r+b", buffering=0) as device:
        fcntl.ioctl(device, 0xC0105300, issue)
except OSError as error:
    sys.exit(f"{error.strerror}, firmware status {struct.unpack('=IQI', issue)[2]}")
print(data.raw.hex())
`,
} as const;

/** A program as it stands between single quotes in a script. */
const quoted = (program: string): string => program.replaceAll("'", `'\\''`);

/** A shell script whose arguments are those of the programs: it runs the one that is there. */
export const SEV_SCRIPT = `
if command -v perl >/dev/null; then exec perl -e '${quoted(SEV_PROGRAMS.perl)}' "$@"; fi
exec python3 -c '${quoted(SEV_PROGRAMS.python3)}' "$@"
`;
