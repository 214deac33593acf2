import { mostSimilar } from '../similar.ts';
import type { Argv } from './argv-file.ts';
import { OPTION_NAMES, type OptionUse, type OptionUses, optionUses } from './option-uses.ts';
import {
  type Pair,
  type PairSyntax,
  type Pairs,
  parseJsonPairs,
  parseNumber,
  parsePairs,
  parseSize,
  parseSwitch,
  type TypedPairs,
} from './options.ts';
import type { Finding, Given, ParsedLaunch, QemuObject } from './parsed-launch.ts';
import type { UnknownPart } from './shell-word.ts';
import { smpVcpus } from './smp.ts';
import { readSnpObject } from './snp-object.ts';

const MACHINE_SYNTAX: PairSyntax = { impliedKey: 'type', bare: 'refused' };
const SMP_SYNTAX: PairSyntax = { impliedKey: 'cpus', bare: 'refused' };
const MEMORY_SYNTAX: PairSyntax = { impliedKey: 'size', bare: 'refused' };
const OBJECT_SYNTAX: PairSyntax = { impliedKey: 'qom-type', bare: 'boolean' };
const DRIVE_SYNTAX: PairSyntax = { bare: 'boolean' };
const GLOBAL_SYNTAX: PairSyntax = { bare: 'refused' };

/** What QEMU takes for an id. Source: QEMU, util/id.c, id_wellformed. */
const IDENTIFIER = /^[A-Za-z][A-Za-z0-9._-]*$/;

/** Properties of a CPU that its signature is made of, and the classes that every CPU belongs to. */
const CPU_PROPERTIES: ReadonlySet<string> = new Set(['family', 'model', 'stepping']);
const CPU_CLASSES: readonly string[] = ['x86_64-cpu', 'cpu'];

/** Properties of the machine that are options of their own; for QEMU both write to one place. */
const MACHINE_FILES = ['firmware', 'kernel', 'initrd', 'append', 'dtb', 'shim'] as const;
const MACHINE_PROPERTY: Readonly<Record<string, string>> = {
  bios: 'firmware',
  ...Object.fromEntries(MACHINE_FILES.slice(1).map((name) => [name, name])),
};

/** What is gathered while the options are read, in their order. */
class Reading {
  readonly findings: Finding[] = [];
  readonly machine = new Map<string, Given>();
  readonly smp = new Map<string, string>();
  readonly memory = new Map<string, string>();
  readonly objects: QemuObject[] = [];
  readonly pflash: Given[] = [];
  readonly accelerators: string[] = [];
  readonly cpuDevices: string[] = [];
  readonly cpuGlobals: { driver: string; item: string; use: OptionUse }[] = [];
  readonly unread: string[] = [];
  readonly withoutEffect = new Set<string>();
  cpu: Given | null = null;

  error(id: string, what: string, hint: string | null = null): void {
    this.findings.push({ id, severity: 'error', what, hint });
  }

  /** The pairs of an option's value; none and a finding where QEMU would refuse it. */
  pairs(use: OptionUse, pairs: Pairs): readonly Pair[] {
    if ('pairs' in pairs) return pairs.pairs;
    this.error('option-malformed', `${use.from}: ${pairs.fault}`, 'QEMU refuses it');
    return [];
  }

  /** Says where a later use of an option takes the place of an earlier one. */
  replaced(earlier: Given | null | undefined, later: Given): void {
    if (earlier === null || earlier === undefined || earlier.value === later.value) return;
    this.findings.push({
      id: 'option-repeated',
      severity: 'warning',
      what: `${later.from} ${JSON.stringify(later.value)} takes the place of ${earlier.from} ${JSON.stringify(earlier.value)}`,
      hint: 'the last one counts',
    });
  }

  setMachine(key: string, given: Given): void {
    this.replaced(this.machine.get(key), given);
    this.machine.set(key, given);
  }
}

/** Reads a whole of `-machine`: keys with underscores are those with dashes, `smp.` keys are those of -smp. */
function readMachine(use: OptionUse, reading: Reading): void {
  for (const [written, value] of reading.pairs(use, parsePairs(use.value, MACHINE_SYNTAX))) {
    const key = written.replaceAll('_', '-');
    if (key.startsWith('smp.')) reading.smp.set(key.slice(4), value);
    else if (key === 'accel') reading.accelerators.push(...value.split(':'));
    else reading.setMachine(key, { value, from: `${use.from} ${key}=`, unknown: use.unknown });
  }
}

function readObject(use: OptionUse, reading: Reading): void {
  const json = use.value.trimStart().startsWith('{');
  const taken: TypedPairs = json ? parseJsonPairs(use.value) : parsePairs(use.value, OBJECT_SYNTAX);
  const pairs = reading.pairs(use, taken);
  const properties = new Map(pairs);
  const type = properties.get('qom-type');
  if (type === undefined) {
    if (pairs.length > 0) reading.error('object-malformed', "-object: Parameter 'qom-type' is missing");
    return;
  }
  const id = properties.get('id') ?? null;
  if (id === null) reading.error('object-malformed', `-object ${type}: Parameter 'id' is missing`);
  else if (!IDENTIFIER.test(id)) {
    const hint = "QEMU refuses it; it has letters, digits, '-', '.' and '_', and begins with a letter";
    reading.error(
      'object-malformed',
      `-object ${type}: Parameter 'id' expects an identifier, got ${JSON.stringify(id)}`,
      hint,
    );
  } else if (reading.objects.some((object) => object.id === id)) {
    reading.error(
      'object-malformed',
      `-object ${type}: attempt to add duplicate property '${id}' to object`,
      'ids are unique',
    );
  }
  reading.objects.push({ type, id, from: use.from, properties, jsonTypes: taken.types });
}

/**
 * `-global driver.property=value`, or with the three by their names. Of a CPU it says what -cpu says, which wins.
 * Source: QEMU, softmmu/qdev-monitor.c, qemu_global_option.
 */
function readGlobal(use: OptionUse, reading: Reading): void {
  const short = /^([^.=]{1,63})\.([^=]{1,63})=(.*)$/s.exec(use.value);
  const named = new Map(short === null ? reading.pairs(use, parsePairs(use.value, GLOBAL_SYNTAX)) : []);
  const [driver, property, value] = short?.slice(1) ?? ['driver', 'property', 'value'].map((key) => named.get(key));
  const ofCpu = property !== undefined && CPU_PROPERTIES.has(property) && /(?:^|-)(?:x86_64-)?cpu$/.test(driver ?? '');
  if (ofCpu) reading.cpuGlobals.push({ driver: driver ?? '', item: `${property}=${value ?? ''}`, use });
  else reading.withoutEffect.add(use.from);
}

/** The value of -cpu with what -global adds to it; globals of other models are without effect. */
function cpuOf({ cpu, cpuGlobals, unread }: Reading): Given | null {
  if (cpu === null) {
    unread.push(...cpuGlobals.map(({ use }) => `-global ${use.value}`));
    return null;
  }
  const [model = '', ...items] = cpu.value.split(',');
  const classes = [`${model}-x86_64-cpu`, ...CPU_CLASSES];
  const globals = cpuGlobals.filter(({ driver }) => classes.includes(driver));
  if (globals.length === 0) return cpu;
  const unknown = cpu.unknown ?? globals.map(({ use }) => use.unknown).find((part) => part !== null) ?? null;
  return { value: [model, ...globals.map(({ item }) => item), ...items].join(','), from: '-cpu with -global', unknown };
}

function readDrive(use: OptionUse, reading: Reading): void {
  const drive = new Map(reading.pairs(use, parsePairs(use.value, DRIVE_SYNTAX)));
  if (drive.get('if') !== 'pflash') {
    reading.withoutEffect.add(use.from);
    return;
  }
  reading.pflash.push({ value: drive.get('file') ?? '', from: `${use.from} if=pflash`, unknown: use.unknown });
}

/** Devices change no digest, but for a CPU among them: it has a VMSA of its own. */
function readDevice(use: OptionUse, reading: Reading): void {
  const json = use.value.trimStart().startsWith('{') ? parseJsonPairs(use.value) : null;
  const items = json !== null && 'pairs' in json ? new Map(json.pairs) : null;
  const driver = items?.get('driver') ?? use.value.split(',', 1)[0] ?? '';
  if (driver.endsWith('-x86_64-cpu')) reading.cpuDevices.push(driver);
  else reading.withoutEffect.add(use.from);
}

type Reader = (use: OptionUse, reading: Reading) => void;

/** The options that matter to the digest, or to whether the guest is one; all others are without effect. */
const READERS: Readonly<Record<string, Reader>> = {
  machine: readMachine,
  object: readObject,
  drive: readDrive,
  device: readDevice,
  smp: (use, reading) => {
    for (const [key, value] of reading.pairs(use, parsePairs(use.value, SMP_SYNTAX))) reading.smp.set(key, value);
  },
  m: (use, reading) => {
    reading.withoutEffect.add(use.from);
    for (const [key, value] of reading.pairs(use, parsePairs(use.value, MEMORY_SYNTAX))) reading.memory.set(key, value);
  },
  cpu: (use, reading) => {
    reading.replaced(reading.cpu, use);
    reading.cpu = use;
  },
  pflash: (use, reading) => reading.pflash.push(use),
  'enable-kvm': (_, reading) => reading.accelerators.push('kvm'),
  accel: (use, reading) => reading.accelerators.push(use.value.split(',', 1)[0]?.replace(/^accel=/, '') ?? ''),
  readconfig: (use, reading) => reading.unread.push(`-readconfig ${use.value}`),
  set: (use, reading) => {
    // QEMU refuses it for objects; of what is left, only drives can matter.
    if (/^drive\./.test(use.value)) reading.unread.push(`-set ${use.value}`);
    else if (/^object\./.test(use.value)) {
      reading.error(
        'option-malformed',
        `-set ${use.value.slice(0, 120)}: -set is not supported with object`,
        'QEMU refuses it',
      );
    } else reading.withoutEffect.add(use.from);
  },
  global: readGlobal,
};

/** Options whose value decides nothing where a part of it is not known. */
const MAY_HIDE = new Set(['device', 'drive', 'm']);

/** Options whose keys that matter are checked one by one, so that a value that is not known shows there. */
const CHECKED_BY_KEY = new Set(['object', 'machine', 'smp', 'global', 'set']);

const WORDS_OF_QEMU = 'nothing is run here: run the script and give the words that QEMU got, /proc/PID/cmdline';

const unknownText = ({ part, why }: UnknownPart): string => `only a shell knows what ${part} is (${why})`;

function readUse(use: OptionUse, reading: Reading): void {
  const property = MACHINE_PROPERTY[use.name];
  const reader = property === undefined ? READERS[use.name] : undefined;
  if (property === undefined && reader === undefined) {
    reading.withoutEffect.add(use.from);
    return;
  }
  if (use.unknown !== null && !MAY_HIDE.has(use.name)) {
    const what = `${use.from} ${JSON.stringify(use.value.slice(0, 80))}: ${unknownText(use.unknown)}`;
    const severity = CHECKED_BY_KEY.has(use.name) ? 'warning' : 'error';
    reading.findings.push({
      id: 'value-unknown',
      severity,
      what,
      hint: `${WORDS_OF_QEMU}; or write the value itself, in quotes where it is meant as it stands`,
    });
  }
  if (property === undefined) reader?.(use, reading);
  else reading.setMachine(property, use);
}

/** The object that the machine asks for; where that leads nowhere, the only sev-snp-guest there is. */
function snpObject(objects: readonly QemuObject[], supportId: Given | null): QemuObject | null {
  const all = objects.filter(({ type }) => type === 'sev-snp-guest');
  return all.find(({ id }) => id !== null && id === supportId?.value) ?? (all.length === 1 ? (all[0] ?? null) : null);
}

/**
 * Makes a launch of the uses of options, in their order: of -machine, -smp and -m the keys merge, of -cpu, -bios, -kernel,
 * -initrd and -append the last one counts.
 * Source: QEMU, system/vl.c.
 */
export function launchOf(
  uses: readonly OptionUse[],
  binary: string | null,
  source: ParsedLaunch['source'],
): ParsedLaunch {
  const reading = new Reading();
  for (const use of uses) readUse(use, reading);
  const { machine } = reading;
  const supportId = machine.get('confidential-guest-support') ?? machine.get('memory-encryption') ?? null;
  const object = snpObject(reading.objects, supportId);
  const snp = object && readSnpObject(object);
  const count = smpVcpus(reading.smp);
  if ('fault' in count) reading.error('smp-invalid', `-smp: ${count.fault}`, 'QEMU refuses it');
  const unit = /^(?:pflash)[01]$/;
  const flashProperties = [...machine].filter(([key]) => unit.test(key)).map(([, given]) => ({ ...given, value: '' }));
  const file = (name: (typeof MACHINE_FILES)[number]): Given | null => machine.get(name) ?? null;
  return {
    source,
    binary,
    machine,
    firmware: file('firmware'),
    kernel: file('kernel'),
    initrd: file('initrd'),
    append: file('append'),
    dtb: file('dtb'),
    shim: file('shim'),
    pflash: [...reading.pflash, ...flashProperties],
    vcpus: 'vcpus' in count ? count.vcpus : null,
    maxVcpus: Number(parseNumber(reading.smp.get('maxcpus') ?? '') ?? 0) || null,
    cpu: cpuOf(reading),
    cpuDevices: reading.cpuDevices,
    memoryBytes: parseSize(reading.memory.get('size') ?? '', 'm') ?? null,
    accelerators: reading.accelerators,
    objects: reading.objects,
    supportId,
    snp: snp?.settings ?? null,
    unread: reading.unread,
    withoutEffect: [...reading.withoutEffect],
    unknownParts: [...new Set(uses.flatMap(({ unknown }) => (unknown === null ? [] : [unknown.part])))],
    findings: [...reading.findings, ...(snp?.findings ?? [])],
  };
}

/** What an option that is not in the table is meant to be; undefined: perhaps one of a QEMU that is newer than the table. */
function mistypedHint(option: string): string | undefined {
  const [, name = '', value] = /^-+([^=]*)(=.*)?$/s.exec(option) ?? [];
  if (value !== undefined) return `QEMU takes the value as a word of its own: -${name} ${value.slice(1, 61)}`;
  const similar = mostSimilar(name, OPTION_NAMES);
  return similar === undefined ? undefined : `did you mean -${similar}?`;
}

/** What the words themselves leave open. */
export function wordFindings({ notKnown, hidden, cutOff }: OptionUses): Finding[] {
  const findings: Finding[] = [];
  if (cutOff !== null) {
    findings.push({
      id: 'option-cut-off',
      severity: 'error',
      what: `${cutOff}: requires an argument`,
      hint: 'was the command line cut off?',
    });
  }
  for (const part of hidden) {
    findings.push({
      id: 'words-unknown',
      // An array, or all that a script was given, is there to hold options.
      severity: /^\$(?:[@*]|\{[@*]|\{\w+\[[@*])/.test(part.part) ? 'error' : 'warning',
      what: `${unknownText(part)}: there may be more options in it`,
      hint: WORDS_OF_QEMU,
    });
  }
  const distinct = [...new Set(notKnown)].slice(0, 20);
  const mistyped = distinct.flatMap((option) => {
    const hint = mistypedHint(option);
    return hint === undefined ? [] : [{ option, hint }];
  });
  for (const { option, hint } of mistyped) {
    findings.push({ id: 'option-mistyped', severity: 'error', what: `${option}: QEMU has no such option`, hint });
  }
  const others = distinct.filter((option) => !mistyped.some((one) => one.option === option));
  if (others.length > 0) {
    const what = `options that are not known here: ${others.join(' ')}`;
    findings.push({
      id: 'option-unknown',
      severity: 'warning',
      what,
      hint: 'they are taken to not matter to the digest',
    });
  }
  return findings;
}

/** Makes a launch of a QEMU command line; what is wrong with it is in its findings. */
export function parseLaunch(argv: Argv): ParsedLaunch {
  const uses = optionUses(argv.words);
  const launch = launchOf(uses.uses, argv.binary, 'argv');
  return { ...launch, findings: [...wordFindings(uses), ...launch.findings] };
}

/** Is a switch of the machine on? undefined: not given, or neither on nor off. */
export function machineSwitch(launch: ParsedLaunch, key: string): boolean | undefined {
  const given = launch.machine.get(key);
  return given && parseSwitch(given.value);
}
