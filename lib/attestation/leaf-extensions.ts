import {
  CERTIFICATE_EXTENSIONS,
  SPL_EXTENSIONS,
  type SplExtension,
  STRUCT_VERSIONS,
} from '../abi/certificate-extensions.ts';
import type { TcbLayoutName } from '../abi/tcb.ts';
import { derIa5String, derSmallInteger } from './der.ts';
import type { CertificateExtension } from './x509.ts';

/** What AMD states in a VCEK or VLEK about the chip, or the provider, and the TCB. */
export interface LeafStatement {
  structVersion: number;
  /** The layout that structVersion stands for; undefined for one that is not known. */
  layout: TcbLayoutName | undefined;
  productName: string;
  /** TCB_VERSION as the certificate states it, little-endian like a report's; undefined without a layout. */
  tcb: bigint | undefined;
  /** 64 bytes, or 8 of Turin and later; null in a VLEK. */
  hwId: Uint8Array | null;
  /** The cloud provider of a VLEK; null in a VCEK. */
  cspId: string | null;
}

/** A statement, or all that is wrong with it. */
export type LeafReading = { statement: LeafStatement; troubles: [] } | { statement: undefined; troubles: string[] };

/** The octets of hwID: raw; some old certificates wrap 64 in an OCTET STRING. Told apart by length, for any byte may be
 * the first of a raw one. Source: real certificates. */
function hwIdOctets(value: Uint8Array): Uint8Array | undefined {
  if (value.length === 64 || value.length === 8) return value;
  if (value.length === 66 && value[0] === 0x04 && value[1] === 64) return value.subarray(2);
  return undefined;
}

/** Reads extensions by their identifiers and writes down what is wrong, all of it. */
class ExtensionReader {
  readonly troubles: string[] = [];
  readonly #extensions: readonly CertificateExtension[];

  constructor(extensions: readonly CertificateExtension[]) {
    this.#extensions = extensions;
  }

  /** The value of an extension that must be there exactly once. */
  read<T>(name: string, oid: string, kind: string, parse: (value: Uint8Array) => T | undefined): T | undefined {
    const found = this.#extensions.filter((extension) => extension.oid === oid);
    const [only] = found;
    if (only === undefined || found.length > 1) {
      this.troubles.push(`${name} (${oid}): expected exactly once, found ${found.length} times`);
      return undefined;
    }
    const value = parse(only.value);
    if (value === undefined) {
      const hex = Buffer.from(only.value.subarray(0, 80)).toString('hex');
      this.troubles.push(`${name} (${oid}): expected ${kind}, got ${only.value.length} bytes ${hex}`);
    }
    return value;
  }

  /** An extension that must not be there, unless it says what `harmless` lets pass. */
  absent(name: string, oid: string, reason: string, harmless: (value: Uint8Array) => boolean = () => false): void {
    const found = this.#extensions.filter((extension) => extension.oid === oid);
    if (found.every(({ value }) => harmless(value))) return;
    this.troubles.push(`${name} (${oid}): ${reason}, found ${found.length} times`);
  }
}

function readSpl(reader: ExtensionReader, { name, oid, at }: SplExtension): bigint {
  const parse = (value: Uint8Array): number | undefined => {
    const level = derSmallInteger(value);
    return level !== undefined && level < 0x100 ? level : undefined;
  };
  return BigInt(reader.read(name, oid, 'an INTEGER from 0 to 255', parse) ?? 0) << BigInt(8 * at);
}

/** Every SPL of one layout; those of the other must be absent, or 0: they have no place in its TCB. */
function readTcb(reader: ExtensionReader, layout: TcbLayoutName): bigint {
  const rows: readonly SplExtension[] = SPL_EXTENSIONS[layout];
  const others = Object.values(SPL_EXTENSIONS)
    .flat()
    .filter(({ oid }) => !rows.some((row) => row.oid === oid));
  for (const { name, oid } of others) {
    reader.absent(
      name,
      oid,
      `not in structVersion ${STRUCT_VERSIONS[layout]}`,
      (value) => derSmallInteger(value) === 0,
    );
  }
  return rows.reduce((tcb, row) => tcb | readSpl(reader, row), 0n);
}

/**
 * Reads AMD's extensions of a VCEK or VLEK: each of its kind and structVersion exactly once, in any order.
 * Source: AMD 57230, certificate extensions
 */
export function readLeafExtensions(kind: 'VCEK' | 'VLEK', extensions: readonly CertificateExtension[]): LeafReading {
  const reader = new ExtensionReader(extensions);
  const { structVersion, productName, hwId, cspId } = CERTIFICATE_EXTENSIONS;
  const version = reader.read('structVersion', structVersion, 'an INTEGER', derSmallInteger);
  const product = reader.read('productName', productName, 'an IA5String', derIa5String);
  const layout = (Object.keys(STRUCT_VERSIONS) as TcbLayoutName[]).find((name) => STRUCT_VERSIONS[name] === version);
  const tcb = layout && readTcb(reader, layout);
  const isVcek = kind === 'VCEK';
  if (isVcek) reader.absent('csp_id', cspId, 'not in a VCEK');
  else reader.absent('hwID', hwId, 'not in a VLEK');
  const chip = isVcek ? reader.read('hwID', hwId, '64 or 8 bytes', hwIdOctets) : null;
  const provider = isVcek ? null : reader.read('csp_id', cspId, 'an IA5String', derIa5String);
  const { troubles } = reader;
  if (version === undefined || product === undefined || chip === undefined || provider === undefined) {
    return { statement: undefined, troubles };
  }
  if (troubles.length > 0) return { statement: undefined, troubles };
  return {
    statement: { structVersion: version, layout, productName: product, tcb, hwId: chip, cspId: provider },
    troubles: [],
  };
}
