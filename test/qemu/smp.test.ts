import { parsePairs } from '../../lib/qemu/options.ts';
import { smpVcpus } from '../../lib/qemu/smp.ts';
import { expect, test } from '../support/test.ts';

/** Values of -smp and the vCPUs that QEMU 10.0 starts with; a text is a part of its refusal. Tried with the program. */
const CASES: readonly (readonly [string, number | string])[] = [
  ['', 1],
  ['4', 4],
  ['04', 4],
  ['010', 8],
  ['0x2', 2],
  ['cpus=4,maxcpus=8', 4],
  ['cpus=4,cpus=2', 2],
  ['maxcpus=8', 8],
  ['sockets=2,cores=2,threads=2', 8],
  ['sockets=2,cores=2,threads=2,drawers=1', 8],
  ['sockets=2,dies=2,modules=2', 8],
  ['1,threads=2,maxcpus=4,sockets=1', 1],
  ['2,modules=2', 2],
  ['4,sockets=2', 4],
  ['8,cores=2,threads=2', 8],
  ['3,sockets=2', 'product of the hierarchy must match maxcpus: sockets (2) * dies (1) * modules (1) * cores (1)'],
  ['8,maxcpus=4', 'maxcpus must be equal to or greater than smp'],
  ['cpus=0', 'must be greater than zero'],
  ['4,clusters=2', "clusters > 1 not supported by this machine's CPU topology"],
  ['cpus=2,books=2', 'books > 1 not supported'],
  ['4,foo=1', "Parameter 'smp.foo' is unexpected"],
  ['four', 'expects a number'],
];
for (const [text, expected] of CASES) {
  test(`-smp ${JSON.stringify(text)} ${typeof expected === 'number' ? `has ${expected} vCPUs` : 'is refused'}`, () => {
    const pairs = parsePairs(text, { impliedKey: 'cpus', bare: 'refused' });
    const count = smpVcpus(new Map('pairs' in pairs ? pairs.pairs : []));
    if (typeof expected === 'number') expect(count).toEqual({ vcpus: expected });
    else expect(count).toEqual({ fault: expect.stringContaining(expected) });
  });
}
