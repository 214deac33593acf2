import {
  cpuSignature,
  namesOf,
  VCPU_MODELS,
  vcpuSignatureFrom,
  vcpuSignatureOf,
} from '../../lib/measure/vcpu-types.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

// Source: QEMU 11.1.3, query-cpu-model-expansion, feature words of each model.
const SIGNATURES: readonly (readonly [string, number])[] = [
  ['EPYC', 0x800f12],
  ['EPYC-v1', 0x800f12],
  ['EPYC-v4', 0x800f12],
  ['EPYC-v5', 0x800f12],
  ['EPYC-IBPB', 0x800f12],
  ['EPYC-Rome', 0x830f10],
  ['EPYC-Rome-v5', 0x830f10],
  ['EPYC-Milan', 0xa00f11],
  ['EPYC-Milan-v4', 0xa00f11],
  ['EPYC-Genoa', 0xa10f10],
  ['EPYC-Genoa-v3', 0xa10f10],
  ['EPYC-Turin', 0xb00f00],
  ['EPYC-Turin-v2', 0xb00f00],
];
for (const [name, signature] of SIGNATURES) {
  test(`${name} has signature 0x${signature.toString(16)}`, () => {
    expect(vcpuSignatureOf(name)).toBe(signature);
  });
}

test('every name of a model has the signature of the model', () => {
  for (const model of VCPU_MODELS) {
    for (const name of namesOf(model)) expect(vcpuSignatureOf(name), name).toBe(cpuSignature(model));
  }
});

// Source: QEMU 10.0.2 and 11.1.3, RDX of the VMSA; 15/107/1 is qemu64.
test('the signature is CPUID 1 EAX, also of families below 15 and of the largest family', () => {
  expect(cpuSignature({ family: 15, model: 107, stepping: 1 })).toBe(0x60fb1);
  expect(cpuSignature({ family: 6, model: 6, stepping: 3 })).toBe(0x663);
  expect(cpuSignature({ family: 270, model: 255, stepping: 15 })).toBe(0xfff0fff);
  expect(vcpuSignatureOf('EPYC-v4,family=25,model=17,stepping=1')).toBe(0xa10f11);
  expect(vcpuSignatureOf('EPYC-v4,family=0x19,+smap,-x2apic,phys-bits=48')).toBe(0xa00f12);
  // QEMU 10.0.2 takes these too, the last of a property, and C notation.
  expect(vcpuSignatureOf('EPYC-v4,family=26,family=031')).toBe(0xa00f12);
  expect(vcpuSignatureOf('EPYC-v4,family=+25,,stepping=0x0')).toBe(0xa00f10);
});

test('the largest family, model and stepping that QEMU takes are taken', () => {
  expect(vcpuSignatureOf('EPYC,family=270,model=255,stepping=15')).toBe(0xfff0fff);
});

for (const wrong of [
  'family=271',
  'model=256',
  'stepping=16',
  'family=08',
  'Family=25',
  'family=',
  'model=-1',
  'stepping=1.5',
  'famliy=25',
  'steping=1',
  'garbage',
]) {
  test(`EPYC-v4,${wrong} is refused`, () => {
    const error = harnessErrorOf(() => vcpuSignatureOf(`EPYC-v4,${wrong}`));
    expect(error.code).toBe('VCPU_TYPE_UNKNOWN');
    expect(error.where).toContain(wrong);
  });
}

for (const name of ['host', 'max']) {
  test(`${name} is refused because its signature is that of the host`, () => {
    const error = harnessErrorOf(() => vcpuSignatureOf(name));
    expect(error.code).toBe('VCPU_TYPE_UNKNOWN');
    expect(error.what).toContain('depends on the processor of the host');
    expect(harnessErrorOf(() => vcpuSignatureOf(`${name},family=25,model=1`)).code).toBe('VCPU_TYPE_UNKNOWN');
    expect(vcpuSignatureOf(`${name},family=25,model=17,stepping=1,-avx512f`)).toBe(0xa10f11);
  });
}

const CLOSE: readonly (readonly [string, string])[] = [
  ['epyc-v4', 'EPYC-v4'],
  ['EPYC-Millan', 'EPYC-Milan'],
  ['EPYC-v6', 'EPYC-v'],
  ['EPYC-Gen4', 'EPYC-Genoa'],
  ['EPYC-Turin-v3', 'EPYC-Turin-v'],
];
for (const [wrong, meant] of CLOSE) {
  test(`${wrong} is refused and ${meant} is offered`, () => {
    const error = harnessErrorOf(() => vcpuSignatureOf(wrong));
    expect(error.code).toBe('VCPU_TYPE_UNKNOWN');
    expect(error.hint).toContain('did you mean');
    expect(error.hint?.split('?')[0]).toContain(meant);
  });
}

test('a type like nothing known is refused with the list of what is', () => {
  const error = harnessErrorOf(() => vcpuSignatureOf('Skylake-Server'));
  expect(error.hint).not.toContain('did you mean');
  expect(error.hint).toContain('EPYC-Genoa[-v1..v3]');
  expect(harnessErrorOf(() => vcpuSignatureOf('')).code).toBe('VCPU_TYPE_UNKNOWN');
});

test('family, model and stepping give a signature, out of range they are refused', () => {
  expect(vcpuSignatureFrom({ family: 23, model: 1, stepping: 2 })).toBe(0x800f12);
  expect(vcpuSignatureFrom({ family: 0, model: 0, stepping: 0 })).toBe(0);
  expect(vcpuSignatureFrom({ family: 270, model: 255, stepping: 15 })).toBe(0xfff0fff);
  for (const wrong of [{ family: 271 }, { model: 256 }, { stepping: 16 }, { family: -1 }, { model: 1.5 }]) {
    const error = harnessErrorOf(() => vcpuSignatureFrom({ family: 23, model: 1, stepping: 2, ...wrong }));
    expect(error.code).toBe('NUMBER_INVALID');
    expect(error.what).toContain(Object.keys(wrong)[0]);
  }
});
