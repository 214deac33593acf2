import type { HostEntry } from '../../lib/host/hosts-file.ts';
import { standInsFor } from '../../lib/runner/stand-ins.ts';
import { expect, test } from '../support/test.ts';

const entry = (name: string, change: Partial<HostEntry> = {}): HostEntry =>
  ({
    name,
    kind: 'local',
    slots: 1,
    tags: ['milan', 'features-0x1'],
    directory: '/d/x',
    qemu: {},
    ...change,
  }) as HostEntry;

test('hosts of the same tags stand in for each other, whatever the order of the tags and their size', () => {
  const hosts = [
    entry('a'),
    entry('b', { tags: ['features-0x1', 'milan'], slots: 8 }),
    entry('other-tags', { tags: ['milan'] }),
    entry('emulated', { emulation: { profile: 'upstream-6.12' } as HostEntry['emulation'] }),
    entry('other-kernel', { vmmProfile: 'qemu-pre-init2' }),
    entry('c'),
  ];
  expect(standInsFor('a', hosts).map(({ name }) => name)).toEqual(['b', 'c']);
  expect(standInsFor('emulated', hosts)).toEqual([]);
  expect(standInsFor('nowhere', hosts)).toEqual([]);
});
