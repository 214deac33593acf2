import type { HostReport } from '../../evidence/host-report.ts';
import type { Cell } from '../../matrix/cell.ts';

/** The CPU model in `EPYC-v4,family=25`. */
const modelOf = (vcpuType: string): string => vcpuType.split(',', 1)[0] ?? vcpuType;

function ofHost(report: HostReport): string | undefined {
  if (report.state === 'ready') return undefined;
  const level = report.state === 'unfit' ? 'cannot' : 'error';
  const findings = report.findings.filter((finding) => finding.level === level);
  const said = findings.map(({ what }) => what).join('; ');
  const [first] = findings;
  const fix = findings.length === 1 && first?.fix ? `\n  hint: ${first.fix}` : '';
  const code = report.state === 'unfit' ? '' : `${first?.code ?? 'INTERNAL'}: `;
  return `${code}host ${report.name}: ${said || 'preflight said no'}${fix}`;
}

/**
 * Why this cell, or anything at all, cannot run on that host; undefined where it can. The reason begins with an error code
 * where something is wrong, and with none where the machine is merely another one.
 * @param cell undefined: a test that is about no cell
 */
export function unsuitable(cell: Cell | undefined, report: HostReport): string | undefined {
  const host = ofHost(report);
  if (host !== undefined || cell === undefined) return host;
  const builds = report.facts?.qemu;
  const build = builds?.[cell.qemu];
  if (builds === undefined) return undefined;
  if (build === undefined) {
    return `host ${report.name} has no QEMU build named "${cell.qemu}"; it has ${Object.keys(builds).join(', ')}`;
  }
  if (report.provenance?.qemu[cell.qemu] === undefined) {
    const why = build.trouble ?? `${build.path} (${build.version}) does not know sev-snp-guest`;
    return `HOST_QEMU: host ${report.name}, QEMU build "${cell.qemu}": ${why}`;
  }
  const model = modelOf(cell.vcpuType);
  if (build.epycModels.length > 0 && /^EPYC/.test(model) && !build.epycModels.includes(model)) {
    return `QEMU build "${cell.qemu}" of host ${report.name} (${build.version}) has no CPU model ${model}`;
  }
  return undefined;
}
