import { fieldOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';
import type { RecordedRow } from '../evidence/results.ts';

type Evidence = NonNullable<RecordedRow['evidence']>;

/** Something that is known of a cell: what it is of, and its value. */
export interface Fact {
  /** `host milan-1: QEMU default`, `firmware amdsev`. Cells of which a fact is one and the same share the subject. */
  subject: string;
  value: string;
}

/** As much of a row as runs are compared by. */
export interface RowFacts {
  suite: string;
  host: string;
  id: string;
  result: NonNullable<RecordedRow['result']>;
  /** The first line of why it is no pass. */
  headline: string;
  /** Launch digests as hex; null where there is none. */
  predicted: string | null;
  observed: string | null;
  /** What the launch digest depends on. */
  inputs: Fact[];
  /** Where and with what it ran. */
  provenance: Fact[];
}

/** The words for a fact that is not there. */
export const ABSENT = 'absent';

const reportField = (report: Buffer, name: (typeof ATTESTATION_REPORT)[number]['name']): Buffer => {
  const { at, bytes } = fieldOf(ATTESTATION_REPORT, name);
  return report.subarray(at, at + bytes);
};

/** A TCB_VERSION as hex, most significant byte first. */
const tcbHex = (bytes: Buffer): string => `0x${Buffer.from(bytes).reverse().toString('hex')}`;

/** What the report says of firmware and TCB; where there is none, what preflight was told. */
function firmwareFacts({ host, outcome }: Evidence): Fact[] {
  const of = (what: string): string => `host ${host.name}: ${what}`;
  if (outcome.report !== null) {
    const report = Buffer.from(outcome.report, 'base64');
    if (report.length >= fieldOf(ATTESTATION_REPORT, 'launchTcb').at + 8) {
      const byte = (name: 'currentMajor' | 'currentMinor' | 'currentBuild'): number =>
        reportField(report, name)[0] ?? 0;
      return [
        {
          subject: of('SNP firmware'),
          value: [byte('currentMajor'), byte('currentMinor'), byte('currentBuild')].join('.'),
        },
        { subject: of('reported TCB'), value: tcbHex(reportField(report, 'reportedTcb')) },
      ];
    }
  }
  const { firmware, tcb } = host.facts?.platform ?? {};
  return [
    ...(firmware && firmware.build !== null
      ? [{ subject: of('SNP firmware'), value: [firmware.apiMajor, firmware.apiMinor, firmware.build].join('.') }]
      : []),
    ...(tcb ? [{ subject: of('reported TCB'), value: tcb.reported }] : []),
  ];
}

function provenanceOf(evidence: Evidence): Fact[] {
  const { host, cell, artifacts } = evidence;
  const of = (what: string): string => `host ${host.name}: ${what}`;
  const machine = host.facts?.machine;
  const build = host.qemu[cell.qemu];
  return [
    { subject: of('kind'), value: host.kind },
    { subject: of('kernel'), value: host.kernel },
    ...(host.profile === null ? [] : [{ subject: of('emulated host profile'), value: host.profile }]),
    { subject: of('VMM profile'), value: host.vmmProfile },
    { subject: of('C-bit position'), value: String(host.cbitpos) },
    ...(build === undefined ? [] : [{ subject: of(`QEMU ${cell.qemu}`), value: build.version }]),
    ...firmwareFacts(evidence),
    ...(machine?.microcode ? [{ subject: of('microcode'), value: machine.microcode }] : []),
    ...(machine?.bios.version ? [{ subject: of('BIOS'), value: machine.bios.version }] : []),
    { subject: `firmware ${artifacts.firmware.name}`, value: artifacts.firmware.sha256 },
    ...(artifacts.kernel === null
      ? []
      : [{ subject: `kernel ${artifacts.kernel.name}`, value: artifacts.kernel.sha256 }]),
    ...(artifacts.initrd === null
      ? []
      : [{ subject: `initrd ${artifacts.initrd.name}`, value: artifacts.initrd.sha256 }]),
  ];
}

/** What the launch digest depends on. The guest policy is not among it: it is not measured. */
function inputsOf({ host, cell, artifacts }: Evidence): Fact[] {
  return [
    { subject: 'firmware', value: artifacts.firmware.sha256 },
    { subject: 'kernel', value: artifacts.kernel?.sha256 ?? ABSENT },
    { subject: 'initrd', value: artifacts.initrd?.sha256 ?? ABSENT },
    { subject: 'command line', value: cell.append ?? ABSENT },
    { subject: 'guest features', value: cell.guestFeatures },
    { subject: 'vCPUs', value: String(cell.vcpus) },
    { subject: 'vCPU type', value: cell.vcpuType },
    { subject: 'VMM profile', value: host.vmmProfile },
  ];
}

/** What the guest's report says was measured. */
function observedDigest({ outcome }: Evidence): string | null {
  if (outcome.report === null) return null;
  const report = Buffer.from(outcome.report, 'base64');
  const { at, bytes } = fieldOf(ATTESTATION_REPORT, 'measurement');
  return report.length >= at + bytes ? reportField(report, 'measurement').toString('hex') : null;
}

/** What is compared of a row. A row whose result was not kept must have been judged before. */
export function factsOf(row: RecordedRow & { result: NonNullable<RecordedRow['result']> }): RowFacts {
  const { suite, host, id, result, message, evidence, judged } = row;
  return {
    suite,
    host,
    id,
    result,
    headline: message.split('\n', 1)[0] ?? '',
    predicted: judged?.predicted ?? null,
    observed: evidence && observedDigest(evidence),
    inputs: evidence === null ? [] : inputsOf(evidence),
    provenance: evidence === null ? [] : provenanceOf(evidence),
  };
}
