import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { keysAt } from '../../lib/evidence/schema-keys.ts';
import { loadHosts } from '../../lib/host/hosts-file.ts';
import { hostsSchema } from '../../lib/host/hosts-schema.ts';
import { AXES } from '../../lib/matrix/cell.ts';
import { planCells } from '../../lib/matrix/cells.ts';
import { GUEST_CHANNEL_KEYS } from '../../lib/matrix/guest-channel.ts';
import { type Matrix, matrixSchema } from '../../lib/matrix/matrix-file.ts';
import { SCENARIOS } from '../../lib/scenarios/scenarios.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { projectFiles, projectText } from './files.ts';

const inFolder = testFolder();
const REFERENCE = 'docs/files.md';
const SUITES_PAGE = 'docs/suites.md';
const PAGES = projectFiles().filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path));
/** Where the examples of the reference look up `$LAB_KEYS`. */
const ENVIRONMENT = { LAB_KEYS: '/keys' };

/** A host of the kind that has most fields. */
const HOSTS_SHAPE = { hosts: [{ kind: 'ssh' }] };
/** Where hosts.json has objects of fixed keys. */
const HOSTS_PLACES = [
  [],
  ['hosts', 0],
  ['hosts', 0, 'emulation'],
  ['hosts', 0, 'limits'],
  ['hosts', 0, 'power'],
  ['hosts', 0, 'power', 'cycle'],
  ['hosts', 0, 'jump'],
];

/** A ```json block, by its page and line. */
interface Block {
  readonly title: string;
  readonly text: string;
}

/** The ```json blocks of a page. */
function jsonBlocks(path: string): Block[] {
  const page = projectText(path) ?? '';
  return [...page.matchAll(/^```json\n(.*?)^```$/gms)].map((match) => ({
    title: `${path}:${page.slice(0, match.index).split('\n').length}`,
    text: match[1] ?? '',
  }));
}

/** Targets of the links of a page, without those that leave the project. */
function relativeLinks(path: string): string[] {
  const page = (projectText(path) ?? '').replaceAll(/^```.*?^```$/gms, '');
  const inline = [...page.matchAll(/\]\(\s*<?([^)\s>]+)/g)];
  const named = [...page.matchAll(/^\[[^\]]+\]:\s*<?([^\s>]+)/gm)];
  return [...inline, ...named]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^(?:[a-z][a-z0-9+.-]*:|#)/i.test(target));
}

function blocksOf(format: string): Block[] {
  const blocks = ['README.md', REFERENCE, 'docs/guest.md', SUITES_PAGE].flatMap(jsonBlocks);
  return blocks.filter(({ text }) => text.includes(`"format": "snp-conform/${format}@`));
}

/** The matrix of the reference, as the product reads it. */
function referenceMatrix(): Matrix {
  const block = blocksOf('matrix').find(({ title }) => title.startsWith(REFERENCE));
  return matrixSchema.parse(JSON.parse(block?.text ?? 'null'));
}

test.describe('the documents', () => {
  test('link to files that exist', () => {
    const links = PAGES.flatMap((page) => relativeLinks(page).map((target) => ({ page, target })));
    expect(links.length).toBeGreaterThan(0);
    const broken = links.filter(
      ({ page, target }) => !existsSync(projectPath(dirname(page), decodeURI(target.replace(/[?#].*$/, '')))),
    );
    expect(broken).toEqual([]);
  });

  test('have examples of both files in the README and in the reference', () => {
    const pages = (format: string) => new Set(blocksOf(format).map(({ title }) => title.replace(/:.*/, '')));
    expect(pages('hosts')).toEqual(new Set(['README.md', REFERENCE, SUITES_PAGE]));
    expect(pages('matrix')).toEqual(new Set(['README.md', REFERENCE, 'docs/guest.md']));
  });

  for (const { title, text } of blocksOf('hosts')) {
    test(`${title}: the hosts are valid`, () => {
      const path = inFolder('hosts.json');
      writeFileSync(path, text);
      expect(loadHosts(path, ENVIRONMENT, '/home/tester').length).toBeGreaterThan(0);
    });
  }

  for (const { title, text } of blocksOf('matrix')) {
    test(`${title}: the matrix is valid`, () => {
      const planned = planCells(matrixSchema.parse(JSON.parse(text)), [], title);
      expect(planned.filter(({ excludedBecause }) => excludedBecause === undefined).length).toBeGreaterThan(0);
    });
  }

  test('explain every field of hosts.json and matrix.json', () => {
    const shape = matrixSchema.shape;
    const keys = [
      ...HOSTS_PLACES.flatMap((path) => keysAt(hostsSchema, path, HOSTS_SHAPE)),
      ...['SNP_LAUNCH_START', 'KVM_SEV_INIT2'].flatMap((command) => {
        const emulation = { faults: [{ command }] };
        const hosts = [{ kind: 'ssh', emulation }];
        return keysAt(hostsSchema, ['hosts', 0, 'emulation', 'faults', 0], { hosts });
      }),
      ...Object.keys(shape),
      ...Object.keys(shape.artifacts.shape),
      ...AXES,
      ...GUEST_CHANNEL_KEYS,
      'why',
      'hostTags',
    ];
    const page = readFileSync(projectPath(REFERENCE), 'utf8');
    const unexplained = keys.filter((key) => !page.includes(`\`${key}\``) && !page.includes(`\`"${key}"\``));
    expect(unexplained).toEqual([]);
  });

  test('list every scenario, with the refusal where there is one', () => {
    const page = projectText(SUITES_PAGE) ?? '';
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    for (const { name, suite, expectation } of Object.values(SCENARIOS).flat()) {
      const row = rows.find((line) => line.includes(`\`${name}\``));
      expect(row, name).toBeDefined();
      if (suite === 'identity' && expectation.outcome === 'refused') expect(row).toContain(expectation.refusal.line);
    }
    for (const [suite, scenarios] of Object.entries(SCENARIOS)) {
      expect(rows.find((line) => line.startsWith(`| \`${suite}\` |`))).toContain(`| ${scenarios.length} for each host`);
    }
  });

  test('show the default of every axis as it is', () => {
    const page = readFileSync(projectPath(REFERENCE), 'utf8');
    for (const axis of AXES) {
      const written = new RegExp(`^\\| \`${axis}\` \\|.*\\| (\\S+) \\|$`, 'm').exec(
        page.split('| axis |')[1] ?? '',
      )?.[1];
      const fallback = matrixSchema.shape.axes.shape[axis].safeParse(undefined).data;
      expect(written, axis).toBe(fallback === undefined ? 'required' : `\`${JSON.stringify(fallback)}\``);
    }
  });

  test('show an id that the matrix beside it has', () => {
    const shown = /^ {4}(amdsev\/\S+)$/m.exec(projectText(REFERENCE) ?? '')?.[1];
    expect(planCells(referenceMatrix(), [], REFERENCE).map(({ cell }) => cell.id)).toContain(shown);
  });
});
