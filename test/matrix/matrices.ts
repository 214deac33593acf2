import { type Matrix, matrixSchema } from '../../lib/matrix/matrix-file.ts';

/** A small matrix.json, with axes and rules of the test's own. */
export function matrixJson(axes: Record<string, unknown> = {}, exclude: readonly unknown[] = []) {
  return {
    format: 'snp-conform/matrix@1',
    artifacts: {
      firmware: { amdsev: { path: 'OVMF.amdsev.fd' }, other: { path: 'other.fd' } },
      kernel: { stable: { path: 'vmlinuz' }, '10': { path: 'ten' } },
      initrd: { debian: { path: 'initrd.img' } },
    },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'], ...axes },
    exclude,
  };
}

export function matrix(axes: Record<string, unknown> = {}, exclude: readonly unknown[] = []): Matrix {
  return matrixSchema.parse(matrixJson(axes, exclude));
}
