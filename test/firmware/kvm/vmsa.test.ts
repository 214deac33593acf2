import { parseLayout } from '../../../lib/abi/layout.ts';
import { VMSA, type Vmsa } from '../../../lib/abi/vmsa.ts';
import type { Vcpu } from '../../../lib/firmware/kvm/vcpu.ts';
import { launchVmsa, type VmsaRules } from '../../../lib/firmware/kvm/vmsa.ts';
import { HOST_PROFILES } from '../../../lib/firmware/profiles.ts';
import { expect, test } from '../../support/test.ts';
import { resetVcpu, segmentBytes, xsaveBytes } from '../reset-vcpu.ts';

const RULES: VmsaRules = { features: 1n, fpuStateMeasured: true };
const vmsaOf = (vcpu: Vcpu, rules = RULES): Vmsa => parseLayout(VMSA, launchVmsa(vcpu, rules), 'VMSA');

/** The reset vCPU with other bytes at an offset of its special registers. */
function withSregs(at: number, bytes: Uint8Array): Vcpu {
  const vcpu = resetVcpu(0, 0x800f12n);
  const sregs = Buffer.from(vcpu.block('sregs2'));
  sregs.set(bytes, at);
  vcpu.keep('sregs2', sregs);
  return vcpu;
}

function withXsave(fcw: number, mxcsr: number, stateBits: bigint): Vcpu {
  const vcpu = resetVcpu(0, 0x800f12n);
  vcpu.keep('xsave', xsaveBytes({ fcw, mxcsr, stateBits }));
  return vcpu;
}

// Source: Linux arch/x86/kvm/x86.c, KVM_X86_QUIRK_CD_NW_CLEARED; svm.c, svm_set_efer and svm_set_cr4.
test('the kernel clears CD and NW, sets EFER.SVME and CR4.MCE', () => {
  expect(vmsaOf(resetVcpu(0, 0x800f12n))).toMatchObject({ cr0: 0x10n, efer: 0x1000n, cr4: 0x40n });
});

test('a general register stands in the field of its own name', () => {
  const vcpu = resetVcpu(0, 0n);
  const regs = Buffer.alloc(144);
  for (let index = 0; index < 18; index++) regs.writeBigUInt64LE(BigInt(0x100 + index), index * 8);
  vcpu.keep('regs', regs);
  expect(vmsaOf(vcpu)).toMatchObject({
    rax: 0x100n,
    rbx: 0x101n,
    rcx: 0x102n,
    rdx: 0x103n,
    rsi: 0x104n,
    rdi: 0x105n,
    rsp: 0x106n,
    rbp: 0x107n,
    r8: 0x108n,
    r9: 0x109n,
    r10: 0x10an,
    r11: 0x10bn,
    r12: 0x10cn,
    r13: 0x10dn,
    r14: 0x10en,
    r15: 0x10fn,
    rip: 0x110n,
    rflags: 0x111n,
  });
});

// Source: AMD 24593, VMCB segment attributes: type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, DB 10, G 11.
test('every attribute byte of a segment has its own bit in the VMCB form', () => {
  // type, present, dpl, db, s, l, g, avl, unusable, as struct kvm_segment orders them.
  const one = (at: number, value = 1): Uint8Array => {
    const bytes = Buffer.alloc(24);
    bytes[14 + at] = value;
    return bytes;
  };
  const attribOf = (bytes: Uint8Array): number => vmsaOf(withSregs(0, bytes))['cs.attrib'];
  const bits = [one(0, 0xf), one(1), one(2, 3), one(3), one(4), one(5), one(6), one(7)].map(attribOf);
  expect(bits).toEqual([0xf, 1 << 7, 3 << 5, 1 << 10, 1 << 4, 1 << 9, 1 << 11, 1 << 8]);
});

test('an unusable segment is not present, whatever its present byte says', () => {
  const vcpu = withSregs(0, segmentBytes({ type: 3, s: 1, unusable: 1 }));
  expect(vmsaOf(vcpu)['cs.attrib']).toBe(0x13);
});

test('FPU state counts only where XSTATE_BV says that it is loaded', () => {
  expect(vmsaOf(withXsave(0, 0, 0n))).toMatchObject({ x87Fcw: 0x37f, mxcsr: 0x1f80 });
  expect(vmsaOf(withXsave(0x40, 0x1fa0, 1n))).toMatchObject({ x87Fcw: 0x40, mxcsr: 0x1f80 });
  expect(vmsaOf(withXsave(0x40, 0x1fa0, 2n))).toMatchObject({ x87Fcw: 0x37f, mxcsr: 0x1fa0 });
  expect(vmsaOf(withXsave(0x40, 0x1fa0, 4n))).toMatchObject({ x87Fcw: 0x37f, mxcsr: 0x1fa0 });
});

test('PAT comes from its MSR, and is the reset value until QEMU writes it', () => {
  const vcpu = resetVcpu(0, 0n);
  expect(vmsaOf(vcpu).gPat).toBe(0x0007_0406_0007_0406n);
  vcpu.msrs.set(0x277, 0x0606_0606_0606_0606n);
  expect(vmsaOf(vcpu).gPat).toBe(0x0606_0606_0606_0606n);
});

test('without sregs2 the older special registers count', () => {
  const old = resetVcpu(0, 0x800f12n);
  const sregs = Buffer.alloc(312);
  sregs.set(old.block('sregs2').subarray(0, 280));
  sregs.writeBigUInt64LE(0x8000_0031n, 224);
  const vcpu = resetVcpu(0, 0x800f12n);
  const bare = Object.assign(vcpu, { has: (name: string) => name !== 'sregs2' });
  bare.keep('sregs', sregs);
  expect(vmsaOf(bare).cr0).toBe(0x8000_0031n);
});

// The bytes of a request stand somewhere in a larger frame, and that memory is used again.
test('a vCPU keeps its own copy of what it was given', () => {
  const vcpu = resetVcpu(0, 0x800f12n);
  const frame = Buffer.concat([Buffer.alloc(25, 0xee), vcpu.block('regs')]);
  const want = launchVmsa(vcpu, RULES);
  vcpu.keep('regs', frame.subarray(25));
  frame.fill(0xee);
  expect(launchVmsa(vcpu, RULES)).toEqual(want);
});

// Source: the reports of AMD host kernels 6.8 (features 0x21) and of Linux 6.12 (features 0x1 and FPU state).
test('amd-6.8 measures features 0x21 and no FPU state, upstream kernels features 0x1 and FPU state', () => {
  const measured = HOST_PROFILES.map((profile) => {
    const rules = { features: profile.featuresAlways, fpuStateMeasured: profile.fpuStateMeasured };
    const { sevFeatures, mxcsr, x87Fcw } = vmsaOf(resetVcpu(0, 0x800f12n), rules);
    return [profile.name, { sevFeatures, mxcsr, x87Fcw }];
  });
  expect(Object.fromEntries(measured)).toEqual({
    'upstream-6.12': { sevFeatures: 0x1n, mxcsr: 0x1f80, x87Fcw: 0x37f },
    'upstream-6.18': { sevFeatures: 0x1n, mxcsr: 0x1f80, x87Fcw: 0x37f },
    'upstream-6.19': { sevFeatures: 0x1n, mxcsr: 0x1f80, x87Fcw: 0x37f },
    'amd-6.8': { sevFeatures: 0x21n, mxcsr: 0, x87Fcw: 0 },
  });
});
