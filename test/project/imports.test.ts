import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_ROOT } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { cruise } from './cruise.ts';
import { projectFiles } from './files.ts';
import { IMPORT_RULES, LAYERS } from './import-rules.ts';

/** A small project in which one file breaks a rule, and the violations that must be told. */
const PLANTED: readonly { claim: string; files: Record<string, string>; told: string[] }[] = [
  {
    claim: 'a pure room that imports a middle one',
    files: {
      'lib/judge/a.ts': "import { b } from '../host/b.ts';\nexport const a = b;",
      'lib/host/b.ts': 'export const b = 1;',
    },
    told: ['downwards-2: lib/judge/a.ts -> lib/host/b.ts'],
  },
  {
    claim: 'a type that a ground room takes from above',
    files: {
      'lib/abi/a.ts': "import type { B } from '../cli/b.ts';\nexport type A = B;",
      'lib/cli/b.ts': 'export type B = 1;',
    },
    told: ['downwards-3: lib/abi/a.ts -> lib/cli/b.ts'],
  },
  {
    claim: 'a contract that a pure room runs',
    files: {
      'lib/judge/a.ts': "import { b } from '../evidence/schema.ts';\nexport const a = b;",
      'lib/evidence/schema.ts': 'export const b = 1;',
    },
    told: ['contracts-as-types-2: lib/judge/a.ts -> lib/evidence/schema.ts'],
  },
  {
    claim: 'an emulator that measures with the predictor',
    files: {
      'lib/firmware/a.ts': "import { b } from '../measure/b.ts';\nexport const a = b;",
      'lib/measure/b.ts': 'export const b = 1;',
    },
    told: ['emulator-apart: lib/firmware/a.ts -> lib/measure/b.ts'],
  },
  {
    claim: 'a predictor that asks the emulator',
    files: {
      'lib/measure/a.ts': "import { b } from '../firmware/b.ts';\nexport const a = b;",
      'lib/firmware/b.ts': 'export const b = 1;',
    },
    told: [
      'downwards-2: lib/measure/a.ts -> lib/firmware/b.ts',
      'predictor-apart: lib/measure/a.ts -> lib/firmware/b.ts',
    ],
  },
  {
    claim: 'a pure room that reads files',
    files: { 'lib/measure/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;" },
    told: ['pure-rooms: lib/measure/a.ts -> fs'],
  },
  {
    claim: 'a pure room that reads files with promises',
    files: { 'lib/abi/a.ts': "import { readFile } from 'node:fs/promises';\nexport const a = readFile;" },
    told: ['pure-rooms: lib/abi/a.ts -> fs/promises'],
  },
  {
    claim: 'two files that import each other',
    files: {
      'lib/host/a.ts': "import { b } from './b.ts';\nexport const a = b;",
      'lib/host/b.ts': "import { a } from './a.ts';\nexport const b = a;",
    },
    told: ['no-circle: lib/host/a.ts -> lib/host/b.ts'],
  },
  {
    claim: 'a product file that imports a test',
    files: {
      'lib/host/a.ts': "import { b } from '../../test/b.ts';\nexport const a = b;",
      'test/b.ts': 'export const b = 1;',
    },
    told: ['product-alone: lib/host/a.ts -> test/b.ts'],
  },
  {
    claim: 'a pure room that starts programs',
    files: {
      'lib/explain/a.ts': "import { execa } from 'execa';\nexport const a = execa;",
      'node_modules/execa/package.json': '{ "name": "execa", "main": "index.js" }',
      'node_modules/execa/index.js': 'export const execa = 1;',
      'package.json': '{ "type": "module", "dependencies": { "execa": "1" } }',
    },
    told: ['pure-rooms: lib/explain/a.ts -> node_modules/execa/index.js'],
  },
  {
    claim: 'a product file that imports what only development installs',
    files: {
      'lib/host/a.ts': "import { b } from 'fast-check';\nexport const a = b;",
      'node_modules/fast-check/package.json': '{ "name": "fast-check", "main": "index.js" }',
      'node_modules/fast-check/index.js': 'export const b = 1;',
      'package.json': '{ "type": "module", "devDependencies": { "fast-check": "1" } }',
    },
    told: ['runtime-dependencies: lib/host/a.ts -> node_modules/fast-check/index.js'],
  },
  {
    claim: 'an import that leads nowhere',
    files: { 'lib/host/a.ts': "import { b } from './gone.ts';\nexport const a = b;" },
    told: ['resolvable: lib/host/a.ts -> ./gone.ts'],
  },
];

test.describe('the import rules', () => {
  test('hold in lib, suites and report-ui', async () => {
    const folders = ['lib', 'suites', 'report-ui/src'];
    const { files, violations } = await cruise(PROJECT_ROOT, folders, IMPORT_RULES);
    expect(violations).toEqual([]);
    expect(files).toBeGreaterThan(10);
  });

  test('know every room', () => {
    const known = LAYERS.flat();
    const product = projectFiles().filter((path) => /^(?:lib|suites)\/.*\.ts$/.test(path));
    expect(product.filter((path) => !known.some((room) => path.startsWith(room)))).toEqual([]);
  });

  test('let a pure room name a contract as a type', async () => {
    const files = {
      'lib/judge/a.ts': "import type { B } from '../evidence/schema.ts';\nexport type A = B;",
      'lib/judge/c.ts': "import { type B } from '../evidence/schema.ts';\nexport type C = B;",
      'lib/evidence/schema.ts': 'export type B = 1;',
    };
    expect(await violationsOf(files)).toEqual([]);
  });

  for (const { claim, files, told } of PLANTED) {
    test(`tell ${claim}`, async () => {
      expect(await violationsOf(files)).toEqual(told);
    });
  }
});

async function violationsOf(files: Record<string, string>): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'snp-conform-imports-'));
  try {
    await writeFile(join(root, 'package.json'), '{ "type": "module" }');
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    return (await cruise(root, ['lib'], IMPORT_RULES)).violations;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
