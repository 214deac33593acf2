import { z } from 'zod';
import { attemptSchema } from './attempt.ts';
import { attestationSchema } from './attestation-schema.ts';
import { hostFactsSchema } from './host-facts.ts';

/** Lower-case hex of exactly that many bytes. */
const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `${bytes} bytes of lower-case hex`);
/** 0x followed by lower-case hex, for numbers of up to 64 bits. */
const hexNumber = z.string().regex(/^0x[0-9a-f]{1,16}$/, 'a number as 0x hex');
const base64 = z.base64();

/** Linux lets a guest have a certificate table of 32 KiB. Source: Linux include/linux/tsm.h, TSM_REPORT_OUTBLOB_MAX. */
const MAX_CERTIFICATES_BASE64 = Math.ceil(32_768 / 3) * 4;

/** The firmware descriptor as it is written to files. */
export const firmwareDescriptorSchema = z.strictObject({
  format: z.literal('snp-conform/firmware@1'),
  sizeBytes: z.int().positive().nullish(),
  sha256: hex(32).nullish(),
  pagesDigest: hex(48),
  resetVector: hexNumber,
  hashesTable: z.strictObject({ gpa: hexNumber, sizeBytes: z.int().positive() }).nullish(),
  sections: z
    .array(z.strictObject({ gpa: hexNumber, sizeBytes: z.int().nonnegative(), type: z.int().nonnegative() }))
    .max(256),
});

/** A cell as it is written to files. */
export const cellSchema = z.strictObject({
  /** It names tests, and is shown. */
  id: z
    .string()
    .max(400)
    .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters'),
  firmware: z.string(),
  kernel: z.string().nullable(),
  initrd: z.string().nullable(),
  append: z.string().nullable(),
  guestPolicy: hexNumber,
  guestFeatures: hexNumber,
  vcpus: z.int().positive(),
  vcpuType: z.string(),
  qemu: z.string(),
});

/** Where evidence comes from. A recording keeps the kind of what it recorded; that it is a recording is said beside it. */
export const evidenceKindSchema = z.enum(['hardware', 'emulated']);
export type EvidenceKind = z.infer<typeof evidenceKindSchema>;

/** It names projects of the runner and folders. */
const hostNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes');

/** What is known of the machine that launched. */
export const hostProvenanceSchema = z.strictObject({
  name: hostNameSchema,
  kind: evidenceKindSchema,
  /** Name of the emulation profile; null on hardware. */
  profile: z.string().nullable(),
  /** Defects planted in an emulated host, in words; absent where there are none. */
  faults: z.array(z.string().max(200)).min(1).max(64).optional(),
  /** Name of the VMM profile that predictions for this host use. */
  vmmProfile: z.string(),
  /** uname -srm */
  kernel: z.string(),
  cbitpos: z.int().nonnegative(),
  /** Per QEMU build: its path on the host and what it says of itself. */
  qemu: z.record(z.string(), z.strictObject({ path: z.string(), version: z.string() })),
  /** What preflight found out; absent in evidence of releases that did not ask. */
  facts: hostFactsSchema.optional(),
});
export type HostProvenance = z.infer<typeof hostProvenanceSchema>;

const artifactSchema = z.strictObject({ name: z.string(), sha256: hex(32) });

/** One line of QEMU's kvm_sev_* trace. */
export const traceEventSchema = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('init') }),
  z.strictObject({ event: z.literal('launch_start'), policy: hexNumber }),
  z.strictObject({ event: z.literal('change_state'), from: z.string(), to: z.string() }),
  z.strictObject({
    event: z.literal('launch_update'),
    gpa: hexNumber,
    bytes: z.int().positive(),
    /** QEMU's name: Normal, Zero, Unmeasured, Secrets, Cpuid. */
    pageType: z.string(),
  }),
  z.strictObject({ event: z.literal('launch_finish') }),
  z.strictObject({ event: z.literal('other'), text: z.string() }),
]);
export type TraceEvent = z.infer<typeof traceEventSchema>;

/** The firmware's or KVM's refusal as QEMU printed it. */
export const refusalSchema = z.strictObject({
  command: z.enum(['SNP_LAUNCH_START', 'SNP_LAUNCH_UPDATE', 'SNP_LAUNCH_FINISH']),
  /** -errno of the ioctl. */
  ret: z.int(),
  /** Status of the firmware; 0 where it was never asked. */
  fwError: z.int(),
  /** QEMU's words for it. */
  text: z.string(),
  /** The whole line. */
  line: z.string(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** A file that QEMU was given, hashed on the host while QEMU ran. */
const hostFileSchema = z.strictObject({
  option: z.enum(['firmware', 'kernel', 'initrd']),
  /** As QEMU got it. */
  path: z.string().max(4096),
  sha256: hex(32),
});
export type HostFile = z.infer<typeof hostFileSchema>;

/** The process that launched, as the host saw it while the guest was stopped. */
const liveProcessSchema = z.strictObject({
  /** /proc/PID/cmdline, words. */
  argv: z.array(z.string()).max(4096),
  files: z.array(hostFileSchema).max(3),
  /** Of its firmware, where that is not the one that was sent; null: it is, or it could not be read. */
  firmware: firmwareDescriptorSchema.nullable(),
});
export type LiveProcess = z.infer<typeof liveProcessSchema>;

/** A launch that was made only to find out why another one was refused. */
const probeSchema = z.strictObject({
  /** report: without an ID block, for the guest's report. oracle: with the digest of a hypothesis and a wrong policy. */
  purpose: z.enum(['report', 'oracle']),
  /** The digest in its ID block; null: launched without one. */
  digest: hex(48).nullable(),
  /** failed: the lab could not launch it, and nothing is known of it. */
  state: z.enum(['refused', 'ran', 'silent', 'failed']),
  refusal: refusalSchema.nullable(),
  /** MEASUREMENT of the guest's report; null: there is no report. */
  measurement: hex(48).nullable(),
  process: liveProcessSchema.nullable(),
  /** Of a failed one: code and words of the error. */
  trouble: z.string().max(2000).optional(),
});
export type Probe = z.infer<typeof probeSchema>;

/** The name of a launch beside the plain one of its cell. */
const scenarioNameSchema = z
  .string()
  .max(100)
  .regex(/^[a-z]+\/[a-z0-9-]+$/, 'a suite, a slash, and what is special of the launch');

/** All that one launch left behind; one JSON document a launch. */
export const evidenceSchema = z.strictObject({
  format: z.literal('snp-conform/evidence@1'),
  kind: evidenceKindSchema,
  cell: cellSchema,
  /** Which launch of the cell this is; absent: the plain one. */
  scenario: scenarioNameSchema.optional(),
  host: hostProvenanceSchema,
  startedAt: z.iso.datetime(),
  artifacts: z.strictObject({
    firmware: artifactSchema.extend({ descriptor: firmwareDescriptorSchema }),
    kernel: artifactSchema.nullable(),
    initrd: artifactSchema.nullable(),
  }),
  sent: z.strictObject({
    argv: z.array(z.string()),
    /** What it was launched with; absent: the policy of the cell. */
    guestPolicy: hexNumber.optional(),
    idBlock: base64.nullable(),
    idAuth: base64.nullable(),
    authorKeyEnabled: z.boolean(),
    hostData: hex(32),
    nonce: hex(64),
    /** Absent in recordings of a time when a guest was asked once. */
    secondNonce: hex(64).optional(),
  }),
  outcome: z.strictObject({
    /** refused: QEMU ended before the guest ran. ran: the guest announced itself. silent: neither, in time. */
    state: z.enum(['refused', 'ran', 'silent']),
    exitCode: z.int().nullable(),
    refusal: refusalSchema.nullable(),
    trace: z.array(traceEventSchema).max(4096),
    qmpEvents: z.array(z.strictObject({ event: z.string(), data: z.unknown().optional() })).max(256),
    /** What query-sev said before the guest ran. */
    querySev: z.unknown().nullable(),
    stderr: z.string(),
    console: z.string(),
    /** Raw ATTESTATION_REPORT, 1184 bytes. */
    report: base64.nullable(),
    /** The certificate table that came with the report: empty where the host gave none, null where the guest did not say. */
    certificates: base64.max(MAX_CERTIFICATES_BASE64).nullable().optional(),
    /** The answer to the second nonce. */
    secondReport: base64.nullable().optional(),
    /** The guest's own words; it is not trusted, and they are shown escaped. */
    guest: z
      .strictObject({
        /** Version of its agent. */
        agent: z.string().max(100).nullable(),
        /** uname -r */
        kernel: z.string().max(200).nullable(),
        /** Lines of its kernel about SEV, SNP and CPUID. */
        dmesg: z.string().max(16_384).nullable(),
        /** Why it has no report, one for each nonce that it had none for. */
        errors: z.array(z.string().max(2000)).max(2),
      })
      .optional(),
  }),
  /** What its report is verified with; absent where nobody asked who signed it. */
  attestation: attestationSchema.optional(),
  /** Launches made to explain this one, in order; absent where there were none. */
  probes: z.array(probeSchema).max(64).optional(),
  /** Milliseconds of each phase of the launch. */
  timingsMs: z.record(z.string(), z.number().nonnegative()),
  /** All attempts, that which this is of as the last; absent where there was one and nobody counted. */
  attempts: z.array(attemptSchema).max(64).optional(),
  /** The host whose cell this is, where another of its kind launched it. */
  standsInFor: hostNameSchema.optional(),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** Why the launch digest of a cell is another than was predicted; see docs/mismatch-causes.md. */
const explanationSchema = z.strictObject({
  /** What is explained: the digest that the host measured, or the one that was expected of the launch. */
  direction: z.enum(['observed', 'expected']),
  /** null: nobody could say what the host measured. */
  target: hex(48).nullable(),
  explanations: z
    .array(
      z.strictObject({
        changes: z
          .array(z.strictObject({ input: z.string(), from: z.string().nullable(), to: z.string().nullable() }))
          .max(16),
        kind: z.enum(['proof', 'match', 'hint']),
        cause: z.string().max(60),
        advice: z.string(),
        /** seen: proved, and the digest does not follow from it alone. rest: it follows from this together with what was seen. Absent: from this. */
        part: z.enum(['seen', 'rest']).optional(),
      }),
    )
    .max(16),
  /** What could not be found out, why, and what to do; absent: nothing. */
  notes: z.array(z.string().max(4000)).max(16).optional(),
  tried: z.int().nonnegative(),
  exhausted: z.boolean(),
  seconds: z.number().nonnegative(),
});
export type CellExplanation = z.infer<typeof explanationSchema>;

/** A cell of a run directory: the evidence, and what this version of the harness made of it. */
export const cellFileSchema = z.strictObject({
  format: z.literal('snp-conform/cell@1'),
  evidence: evidenceSchema,
  predicted: hex(48),
  verdict: z.strictObject({
    result: z.enum(['pass', 'fail', 'infrastructure']),
    /** What had to come of the launch, in words; absent: the guest had to run. */
    expected: z.string().max(1000).optional(),
    checks: z.array(
      z.strictObject({
        name: z.string(),
        status: z.enum(['pass', 'fail', 'not-applicable']),
        expected: z.string().nullable(),
        observed: z.string().nullable(),
        detail: z.string(),
      }),
    ),
  }),
  /** Absent: the digest is the predicted one, or nobody asked why it is not. */
  explanation: explanationSchema.optional(),
});
export type CellFile = z.infer<typeof cellFileSchema>;
