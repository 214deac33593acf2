import { join } from 'node:path';
import { HarnessError } from '../errors.ts';
import type { CellExplanation, Evidence } from '../evidence/schema.ts';
import { hostsSchema } from '../host/hosts-schema.ts';
import { openHostSession } from '../host/open-session.ts';
import { QemuHost } from '../host/qemu-host.ts';
import { TreePacker } from '../host/qemu-tree.ts';
import { judge } from '../judge/judge.ts';
import type { Verdict } from '../judge/verdict.ts';
import type { Cell } from '../matrix/cell.ts';
import { planCells } from '../matrix/cells.ts';
import { type Matrix, matrixSchema } from '../matrix/matrix-file.ts';
import { hexOf } from '../text.ts';
import type { DemoMachine } from './demo-host.ts';
import { explainCell } from './explain-cell.ts';
import { Launcher, MatrixArtifacts } from './launcher.ts';
import { openAttestor } from './open-attestor.ts';
import { emulationOf } from './open-host.ts';
import type { EvidenceSource } from './outcome.ts';
import { Reference } from './reference.ts';

/** The host of the founding case: its kernel turns DebugSwap on, and nobody had told the prediction. */
const DEMO_PROFILE = 'amd-6.8';
const THOUGHT = '0x1';

/** One launch of the demonstration, with all that was made of it. */
export interface DemoLaunch {
  readonly cell: Cell;
  /** 96 hex digits. */
  readonly predicted: string;
  readonly evidence: Evidence;
  readonly verdict: Verdict;
  readonly explanation: CellExplanation | undefined;
}

/** Where the launches of the demonstration come from. */
export interface DemoStage {
  /** The first cell, as it was thought to be. */
  readonly first: Cell;
  /** The same cell with other guest features. */
  corrected(guestFeatures: string): Cell;
  readonly source: EvidenceSource;
}

const matrixOf = (firmware: string, guestFeatures: readonly string[]): Matrix =>
  matrixSchema.parse({
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { ovmf: { path: firmware } } },
    axes: { firmware: ['ovmf'], vcpus: [1], vcpuType: ['EPYC-v4'], guestFeatures },
  });

function cellWith(firmware: string, guestFeatures: string): Cell {
  const [planned] = planCells(matrixOf(firmware, [guestFeatures]), [], 'snp-conform demo');
  if (planned === undefined) throw new HarnessError({ code: 'INTERNAL', what: 'the demonstration has no cell' });
  return planned.cell;
}

/** A real launch on this very machine, which passes for the host of the founding case. @throws HarnessError NATIVE_BUILD, HOST_* */
export async function liveStage(machine: DemoMachine, folder: string, cacheFolder: string): Promise<DemoStage> {
  const { qemu, firmware } = machine;
  const host = {
    ...{ name: 'demo', kind: 'local', directory: join(folder, 'host') },
    ...{ qemu: { default: qemu }, emulation: { profile: DEMO_PROFILE } },
  };
  const [entry] = hostsSchema.parse({ format: 'snp-conform/hosts@1', hosts: [host] }).hosts;
  if (entry === undefined) throw new HarnessError({ code: 'INTERNAL', what: 'the demonstration has no host' });
  const emulation = await emulationOf(entry, cacheFolder);
  const artifacts = new MatrixArtifacts(matrixOf(firmware, [THOUGHT]), join(folder, 'matrix.json'), cacheFolder);
  const qemuHost = new QemuHost({
    entry,
    open: () => openHostSession(entry),
    emulation,
    trees: new TreePacker(cacheFolder),
    provenance: null,
    slots: entry.slots,
    holder: 'snp-conform demo',
  });
  return {
    first: cellWith(firmware, THOUGHT),
    corrected: (features) => cellWith(firmware, features),
    source: new Launcher(qemuHost, artifacts, new Reference(null, {}), {
      fromHost: false,
      issuer: 'emulated',
      signsWith: 'VCEK',
      attestor: () => openAttestor(entry, {}, emulation, cacheFolder),
    }),
  };
}

/** Launches a cell of the demonstration, judges it, and explains it where its digest is another. */
export async function demoLaunch(cell: Cell, source: EvidenceSource, signal: AbortSignal): Promise<DemoLaunch> {
  const { prediction, evidence: left } = await source.evidenceOf({ cell, scenario: undefined }, signal);
  const verdict = judge(prediction, left);
  const means = { mode: 'report', prober: source.proberOf(left), atHand: () => source.artifactsAtHand() } as const;
  const explained = await explainCell({ cell, evidence: left, verdict }, means, signal);
  const evidence = explained?.evidence ?? left;
  return { cell, predicted: hexOf(prediction.launchDigest), evidence, verdict, explanation: explained?.explanation };
}
