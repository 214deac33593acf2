import type { ArgvWord, UnknownPart } from './shell-word.ts';

/** One use of an option. */
export interface OptionUse {
  /** Without dashes: `machine`. A word that is no option is a `drive`. */
  name: string;
  value: string;
  /** Where it came from, for people: `-smp`. */
  from: string;
  /** The part of the value that only a shell could tell; null: all is known. */
  unknown: UnknownPart | null;
}

/** The options of a command line, and what could not be made out of it. */
export interface OptionUses {
  uses: readonly OptionUse[];
  /** Options that are not in the table, as they were written. */
  notKnown: readonly string[];
  /** Words outside options that only a shell could tell: there may be more options in them. */
  hidden: readonly UnknownPart[];
  /** An option at the end that lacks its value. */
  cutOff: string | null;
}

/** Options of QEMU that take no value. Source: QEMU 10.0, qemu-options.hx; and some that older versions had. */
const WITHOUT_VALUE = new Set(
  (
    'h help version nodefaults no-user-config nodefconfig enable-kvm nographic portrait full-screen no-frame curses sdl ' +
    'no-quit alt-grab ctrl-grab snapshot usb no-acpi no-hpet win2k-hack no-fd-bootchk rtc-td-hack mem-prealloc S s ' +
    'preconfig no-reboot no-shutdown daemonize singlestep only-migratable enable-fips no-kvm no-kvm-irqchip no-kvm-pit ' +
    'no-kvm-pit-reinjection localtime startdate tdf xen-attach xen-domid-restrict semihosting old-param prom-env ' +
    'enable-sync-profile perfmap jitdump one-insn-per-tb'
  ).split(' '),
);

/** Options of QEMU that take one value. Source: QEMU 10.0, qemu-options.hx. */
const WITH_VALUE = new Set(
  (
    'machine M cpu accel smp numa add-fd set global boot m mem-path k audio audiodev audio-help soundhw device name uuid ' +
    'fda fdb hda hdb hdc hdd cdrom blockdev drive mtdblock sd pflash fsdev virtfs iscsi usbdevice display spice vga g ' +
    'vnc acpitable smbios netdev nic net chardev tpmdev bios kernel shim append initrd dtb compat fw_cfg serial parallel ' +
    'monitor qmp qmp-pretty mon debugcon pidfile overcommit realtime gdb d D dfilter seed L xen-domid action loadvm ' +
    'option-rom rtc icount watchdog watchdog-action echr incoming sandbox readconfig writeconfig trace plugin run-with ' +
    'runas chroot msg dump-vmstate object semihosting-config tb-size qtest qtest-log async-teardown igvm'
  ).split(' '),
);

/** The options of QEMU, without dashes. */
export const OPTION_NAMES: readonly string[] = [...WITHOUT_VALUE, ...WITH_VALUE].filter((name) => name.length > 2);

/** `-x` and `--x` name the same. A lone dash is no option. */
function optionName(text: string): string | null {
  const name = /^--?([A-Za-z].*)$/s.exec(text)?.[1];
  return name ?? null;
}

/** Of an option that is not in the table: does it take the word after it? */
function looksLikeValue(word: ArgvWord | undefined): boolean {
  return word !== undefined && optionName(word.text) === null;
}

/**
 * Pairs options with their values as QEMU does: an option of the table takes its value whatever that looks like; one that
 * is not in it takes the next word unless that is an option.
 * @param words without the program
 */
export function optionUses(words: readonly ArgvWord[]): OptionUses {
  const uses: OptionUse[] = [];
  const notKnown: string[] = [];
  const hidden: UnknownPart[] = [];
  let cutOff: string | null = null;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined) break;
    const name = optionName(word.text);
    if (name === null) {
      if (word.unknown === null)
        uses.push({ name: 'drive', value: `file=${word.text}`, from: 'a word that is no option', unknown: null });
      else hidden.push(word.unknown);
      continue;
    }
    if (word.unknown !== null) hidden.push(word.unknown);
    const from = `-${name}`;
    if (WITHOUT_VALUE.has(name)) {
      uses.push({ name, value: '', from, unknown: null });
      continue;
    }
    const next = words[at + 1];
    if (!WITH_VALUE.has(name)) {
      notKnown.push(from);
      if (looksLikeValue(next)) at += 1;
      continue;
    }
    if (next === undefined) cutOff = from;
    else uses.push({ name: name === 'M' ? 'machine' : name, value: next.text, from, unknown: next.unknown });
    at += 1;
  }
  return { uses, notKnown, hidden, cutOff };
}
