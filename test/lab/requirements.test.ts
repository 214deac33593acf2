import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { ARTIFACTS, missingArtifacts, versionedPackage } from './artifacts.ts';
import { isNewEnough, missingPrograms, PROGRAMS, parseQemuVersion } from './programs.ts';
import { installCommand, planInstallations } from './requirements.ts';

const RELEASE = { id: 'debian', codename: 'bookworm' };

test.describe('the set-up of a machine', () => {
  test('has left no program missing', async () => {
    expect((await missingPrograms()).map(({ name }) => name)).toEqual([]);
  });

  test('has left no artifact missing, and tells where each is from', async () => {
    expect(missingArtifacts(ARTIFACTS_FOLDER)).toEqual([]);
    for (const { name } of ARTIFACTS) {
      const source: unknown = JSON.parse(await readFile(join(ARTIFACTS_FOLDER, name, 'source.json'), 'utf8'));
      expect(source, name).toEqual({
        package: expect.any(String),
        version: expect.stringMatching(/^\d/),
        suite: expect.any(String),
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    }
  });

  test('names every artifact of an empty folder as missing', () => {
    expect(missingArtifacts('/nowhere').map(({ name }) => name)).toEqual(ARTIFACTS.map(({ name }) => name));
    expect(existsSync('/nowhere')).toBe(false);
  });

  test('tells old QEMU from new', () => {
    const said = (version: string) =>
      isNewEnough(parseQemuVersion(`QEMU emulator version ${version} (Debian 1:${version})`));
    expect(['7.2.22', '9.0.2', '9.1.0', '10.0.2', '11.1.0'].map(said)).toEqual([false, false, true, true, true]);
    expect(isNewEnough(parseQemuVersion('no such thing'))).toBe(false);
  });

  test('takes from the backports only what must be new', () => {
    expect(planInstallations(PROGRAMS, RELEASE)).toEqual([
      {
        packages: [
          ...[
            'gcc',
            'libc6-dev',
            'openssh-server',
            'busybox',
            'xz-utils',
            'zstd',
            'openssl',
            'openssh-client',
            'iproute2',
          ],
          ...['chromium', 'libxml2-utils'],
        ],
        targetRelease: null,
      },
      { packages: ['qemu-system-x86'], targetRelease: 'bookworm-backports' },
    ]);
    expect(planInstallations([], RELEASE)).toEqual([]);
  });

  test('tells who may not install what to run', () => {
    expect(installCommand(planInstallations(PROGRAMS.slice(0, 1), RELEASE), '/c/apt.conf')).toBe(
      'sudo env APT_CONFIG=/c/apt.conf apt-get update && sudo env APT_CONFIG=/c/apt.conf ' +
        'apt-get install -y --no-install-recommends -t bookworm-backports qemu-system-x86',
    );
  });

  test('finds the kernel that a meta package stands for', () => {
    const depends = 'linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)';
    expect(versionedPackage({ name: 'linux-image-cloud-amd64', depends })).toBe('linux-image-6.1.0-50-cloud-amd64');
    expect(() => versionedPackage({ name: 'linux-image-cloud-amd64', depends: 'other' })).toThrow(
      /HOST_COMMAND: .*"other"/,
    );
  });
});
