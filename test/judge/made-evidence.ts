import { serialiseLayout } from '../../lib/abi/layout.ts';
import { PAGE_TYPE } from '../../lib/abi/page-info.ts';
import { ATTESTATION_REPORT, type AttestationReport } from '../../lib/abi/report.ts';
import { type Evidence, evidenceSchema, type Refusal, type TraceEvent } from '../../lib/evidence/schema.ts';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { authorKeyDigest, buildIdAuth, idKeyDigest } from '../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import type { Prediction } from '../../lib/measure/inputs.ts';

export const PREDICTED = 'd1'.repeat(48);
export const HOST_DATA = '0d'.repeat(32);
export const NONCE = 'a5'.repeat(64);
export const POLICY = 0x30000n;
export const keys = generateKeys();

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const base64 = (of: Uint8Array): string => Buffer.from(of).toString('base64');

/** The page list of an AmdSev OVMF of 2023. Source: the kvm_sev trace of a launch on hardware. */
export const prediction: Prediction = {
  launchDigest: bytes(PREDICTED),
  regions: [
    { gpa: 0xffc0_0000n, bytes: 0x40_0000, pageType: PAGE_TYPE.NORMAL },
    { gpa: 0x80_0000n, bytes: 0x9000, pageType: PAGE_TYPE.ZERO },
    { gpa: 0x80_a000n, bytes: 0x3000, pageType: PAGE_TYPE.ZERO },
    { gpa: 0x80_d000n, bytes: 0x1000, pageType: PAGE_TYPE.SECRETS },
    { gpa: 0x80_e000n, bytes: 0x1000, pageType: PAGE_TYPE.CPUID },
    { gpa: 0x80_f000n, bytes: 0x1000, pageType: PAGE_TYPE.NORMAL },
    { gpa: 0x81_0000n, bytes: 0x1_0000, pageType: PAGE_TYPE.ZERO },
  ],
};

/** One traced SNP_LAUNCH_UPDATE. */
export function update(gpa: number, length: number, pageType: string): TraceEvent {
  return { event: 'launch_update', gpa: `0x${gpa.toString(16)}`, bytes: length, pageType };
}

export const UPDATES: readonly TraceEvent[] = [
  update(0xffc0_0000, 0x40_0000, 'Normal'),
  update(0x80_0000, 0x9000, 'Zero'),
  update(0x80_a000, 0x3000, 'Zero'),
  update(0x80_d000, 0x1000, 'Secrets'),
  update(0x80_e000, 0x1000, 'Cpuid'),
  update(0x80_f000, 0x1000, 'Normal'),
  update(0x81_0000, 0x1_0000, 'Zero'),
];

export const BEGINNING: readonly TraceEvent[] = [
  { event: 'init' },
  { event: 'launch_start', policy: '0x30000' },
  { event: 'change_state', from: 'uninit', to: 'launch-update' },
];
export const FINISH: TraceEvent = { event: 'launch_finish' };
export const RUNNING: TraceEvent = { event: 'change_state', from: 'launch-update', to: 'running' };

export const idBlock = buildIdBlock({
  launchDigest: prediction.launchDigest,
  policy: POLICY,
  familyId: bytes('fa'.repeat(16)),
  imageId: bytes('1a'.repeat(16)),
  guestSvn: 3,
});
export const idAuth = buildIdAuth({ idBlock, ...keys });

/** What a conforming guest reports; `change` alters it. */
export function madeReport(change: Partial<AttestationReport> = {}): Uint8Array {
  return serialiseLayout(
    ATTESTATION_REPORT,
    {
      version: 3,
      guestSvn: 3,
      policy: POLICY,
      familyId: bytes('fa'.repeat(16)),
      imageId: bytes('1a'.repeat(16)),
      signatureAlgo: 1,
      reportData: bytes(NONCE),
      measurement: prediction.launchDigest,
      hostData: bytes(HOST_DATA),
      idKeyDigest: idKeyDigest(snpPublicKey(keys.idKey)),
      authorKeyDigest: authorKeyDigest(snpPublicKey(keys.authorKey)),
      ...change,
    },
    'report',
  );
}

const conforming: Evidence = evidenceSchema.parse({
  format: 'snp-conform/evidence@1',
  kind: 'emulated',
  cell: {
    id: 'amdsev/no-kernel/v1',
    firmware: 'amdsev',
    kernel: null,
    initrd: null,
    append: null,
    guestPolicy: '0x30000',
    guestFeatures: '0x1',
    vcpus: 1,
    vcpuType: 'EPYC-v4',
    qemu: 'default',
  },
  host: {
    name: 'made',
    kind: 'emulated',
    profile: 'made',
    vmmProfile: 'made',
    kernel: 'Linux 6.12 x86_64',
    cbitpos: 51,
    qemu: { default: { path: '/usr/bin/qemu-system-x86_64', version: '10.0' } },
  },
  startedAt: '2026-01-01T00:00:00Z',
  artifacts: {
    firmware: {
      name: 'amdsev',
      sha256: '00'.repeat(32),
      descriptor: {
        format: 'snp-conform/firmware@1',
        sizeBytes: 0x40_0000,
        sha256: null,
        pagesDigest: '00'.repeat(48),
        resetVector: '0x80b004',
        hashesTable: null,
        sections: [],
      },
    },
    kernel: null,
    initrd: null,
  },
  sent: {
    argv: [],
    idBlock: base64(idBlock),
    idAuth: base64(idAuth),
    authorKeyEnabled: true,
    hostData: HOST_DATA,
    nonce: NONCE,
  },
  outcome: {
    state: 'ran',
    exitCode: 0,
    refusal: null,
    trace: [...BEGINNING, ...UPDATES, FINISH, RUNNING],
    qmpEvents: [],
    querySev: null,
    stderr: '',
    console: '',
    report: base64(madeReport()),
  },
  timingsMs: {},
});

/** Evidence of a launch that conforms, altered. */
export function evidence({
  sent,
  outcome,
}: {
  sent?: Partial<Evidence['sent']>;
  outcome?: Partial<Evidence['outcome']>;
} = {}): Evidence {
  return {
    ...conforming,
    sent: { ...conforming.sent, ...sent },
    outcome: { ...conforming.outcome, ...outcome },
  };
}

/** A refusal, with the line that QEMU prints for it. */
export function refusal(command: Refusal['command'], ret: number, fwError: number, text: string): Refusal {
  const line = `qemu-system-x86_64: ${command} ret=${ret} fw_error=${fwError} '${text}'`;
  return { command, ret, fwError, text, line };
}

/** Evidence of a launch that the firmware refused at its end. */
export function refusedAtFinish(fwError: number, text: string): Evidence {
  return evidence({
    outcome: {
      state: 'refused',
      exitCode: 1,
      refusal: refusal('SNP_LAUNCH_FINISH', -5, fwError, text),
      trace: [...BEGINNING, ...UPDATES, FINISH],
      report: null,
    },
  });
}
