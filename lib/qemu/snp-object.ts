import { parseNumber, parseSwitch } from './options.ts';
import type { Finding, QemuObject, SnpSettings } from './parsed-launch.ts';

/** What a property of the object holds. */
type PropertyType = 'text' | 'number' | 'switch' | { base64: number; exact: boolean };

/** The properties of sev-snp-guest. Source: QEMU 11.1, qapi/qom.json; the lengths target/i386/sev.c. */
const PROPERTIES: Readonly<Record<string, PropertyType>> = {
  'qom-type': 'text',
  id: 'text',
  'sev-device': 'text',
  cbitpos: 'number',
  'reduced-phys-bits': 'number',
  'kernel-hashes': 'switch',
  policy: 'number',
  'guest-visible-workarounds': { base64: 16, exact: true },
  'id-block': { base64: 96, exact: true },
  'id-auth': { base64: 4096, exact: false },
  'author-key-enabled': 'switch',
  'vcek-disabled': 'switch',
  'host-data': { base64: 32, exact: true },
};

/** Properties that other trees of QEMU have, or had, and what upstream says instead. */
const NOT_UPSTREAM: Readonly<Record<string, string>> = {
  'auth-key-enabled': 'upstream it is author-key-enabled',
  'vcek-required': 'upstream it is vcek-disabled, with the opposite sense',
  'init-flags': 'upstream has none; in the AMD tree it changes the guest features: give them with --guest-features',
  'debug-swap': 'upstream has none; where it works it adds 0x20 to the guest features: give them with --guest-features',
  'secure-tsc':
    'upstream has none; where it works it adds 0x200 to the guest features: give them with --guest-features',
  'tsc-frequency': 'upstream has none; it does not change the digest',
  'certs-path': 'upstream has none; certificates do not change the digest',
  'igvm-file': 'upstream gives it as -object igvm-cfg and -machine igvm-cfg=',
};

/** Properties of sev-guest, the object of SEV and SEV-ES. */
const LEGACY = new Set(['session-file', 'dh-cert-file', 'handle', 'legacy-vm-type']);

/** Strict base64 as QEMU takes it. @returns undefined for any other text */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

/** Long values are cut: an ID auth has 5464 characters. */
const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);

function error(id: string, what: string, hint: string | null = null): Finding {
  return { id, severity: 'error', what, hint };
}

function valueFault(key: string, text: string): Finding | null {
  const type = PROPERTIES[key];
  if (type === 'number' && parseNumber(text) === undefined) {
    return error('property-value', `sev-snp-guest ${key}=${quoted(text)} is not a number of 64 bits`);
  }
  if (type === 'switch' && parseSwitch(text) === undefined) {
    return error('property-value', `sev-snp-guest ${key}=${quoted(text)} is neither on nor off`);
  }
  if (typeof type !== 'object') return null;
  const bytes = fromBase64(text)?.length;
  if (bytes === undefined) {
    const hex = /^(?:[0-9a-f]{2})+$/i.test(text) ? 'this is hex: encode the bytes, not their hex digits' : null;
    return error('base64-invalid', `sev-snp-guest ${key}=${quoted(text)} is not base64`, hex);
  }
  if (bytes === type.base64) return null;
  const want = `expected ${type.base64} bytes in base64, got ${bytes}`;
  if (type.exact || bytes > type.base64) {
    const hint = bytes === type.base64 * 2 ? 'was the hex text encoded in place of the bytes?' : null;
    return error('base64-length', `sev-snp-guest ${key}: ${want}`, hint);
  }
  const hint = 'QEMU takes it, and KVM then reads past its end';
  return { id: 'base64-length', severity: 'warning', what: `sev-snp-guest ${key}: ${want}`, hint };
}

/** In the JSON form a property has the type of its kind, and QEMU takes no text for it. */
const JSON_TYPE = { text: 'string', number: 'number', switch: 'boolean' } as const;

function typeFault(key: string, jsonTypes: QemuObject['jsonTypes']): Finding | null {
  const type = PROPERTIES[key];
  const got = jsonTypes?.get(key);
  if (type === undefined || got === undefined) return null;
  const want = typeof type === 'object' ? 'string' : JSON_TYPE[type];
  if (got === want) return null;
  return error('property-type', `sev-snp-guest ${key}: expected a ${want} in JSON, got a ${got}`, 'QEMU refuses it');
}

function keyFault(key: string): Finding | null {
  if (Object.hasOwn(PROPERTIES, key)) return null;
  if (LEGACY.has(key)) {
    return error('legacy-sev-property', `${key} belongs to sev-guest (SEV, SEV-ES), not to sev-snp-guest`, 'drop it');
  }
  if (Object.hasOwn(NOT_UPSTREAM, key)) {
    const what = `sev-snp-guest has no ${key} in any upstream QEMU up to 11.1`;
    return error('property-not-upstream', what, NOT_UPSTREAM[key] ?? null);
  }
  return error('property-unknown', `sev-snp-guest has no property ${quoted(key)}`, 'QEMU refuses it');
}

/**
 * Reads the settings of a sev-snp-guest object. What is absent has QEMU's default; what cannot be read is null.
 * @returns the settings and what is wrong with them
 * Source: QEMU 11.1, qapi/qom.json, SevSnpGuestProperties; target/i386/sev.c
 */
export function readSnpObject(object: QemuObject): { settings: SnpSettings; findings: Finding[] } {
  const { properties, jsonTypes } = object;
  const findings: Finding[] = [];
  for (const [key, text] of properties) {
    const fault = keyFault(key) ?? typeFault(key, jsonTypes) ?? valueFault(key, text);
    if (fault !== null) findings.push(fault);
  }
  if (!properties.has('reduced-phys-bits')) {
    findings.push(error('property-missing', "Parameter 'reduced-phys-bits' is missing", 'add reduced-phys-bits=1'));
  }
  const number = (key: string): bigint | null => parseNumber(properties.get(key) ?? '') ?? null;
  const isOn = (key: string): boolean => parseSwitch(properties.get(key) ?? 'off') ?? false;
  const bytes = (key: string): Uint8Array | null => {
    const text = properties.get(key);
    return text === undefined || valueFault(key, text)?.severity === 'error' ? null : (fromBase64(text) ?? null);
  };
  const settings: SnpSettings = {
    id: object.id,
    policy: properties.has('policy') ? number('policy') : 0x30000n,
    kernelHashes: isOn('kernel-hashes'),
    idBlock: bytes('id-block'),
    idAuth: bytes('id-auth'),
    authorKeyEnabled: isOn('author-key-enabled'),
    hostData: bytes('host-data'),
    cbitpos: number('cbitpos'),
    properties,
  };
  return { settings, findings };
}
