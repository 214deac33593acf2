import type { IRegularForbiddenRuleType } from 'dependency-cruiser';

/** The rooms of lib/, highest layer first. A room imports from its own layer and from those below it. */
export const LAYERS: readonly (readonly string[])[] = [
  ['lib/cli/', 'lib/reporters/', 'lib/runner/', 'lib/index.ts', 'suites/', 'report-ui/'],
  ['lib/discovery/', 'lib/host/', 'lib/qemu/', 'lib/guest/', 'lib/evidence/', 'lib/firmware/', 'lib/kds/'],
  [
    'lib/compare/',
    'lib/judge/',
    'lib/scenarios/',
    'lib/refusals/',
    'lib/explain/',
    'lib/matrix/',
    'lib/measure/',
    'lib/identity/',
    'lib/attestation/',
  ],
  ['lib/abi/', 'lib/errors.ts', 'lib/finding.ts', 'lib/lines.ts', 'lib/similar.ts', 'lib/cache.ts', 'lib/text.ts'],
];

/** The layers that compute and do nothing else. */
const PURE = LAYERS.slice(2).flat();

/** Shapes that every layer may name as types: what a judge is given is written down where evidence is. */
const CONTRACTS = [
  'lib/evidence/schema.ts',
  'lib/evidence/attestation-schema.ts',
  'lib/evidence/host-facts.ts',
  'lib/evidence/results.ts',
  'lib/measure/inputs.ts',
  'lib/matrix/cell.ts',
];

/** What reaches out of a process. */
const EFFECTS = ['fs', 'net', 'tls', 'http', 'https', 'dgram', 'dns', 'child_process', 'worker_threads', 'os'];
const EFFECTFUL_PACKAGES = ['execa', 'ssh2', '@playwright/test'];

function anyOf(paths: readonly string[]): string {
  return `^(?:${paths.map((path) => path.replaceAll('.', '\\.')).join('|')})`;
}

/** The contracts that are in these rooms; where there is none, a pattern that matches nothing. */
function contractsOf(rooms: readonly string[]): string[] {
  const found = CONTRACTS.filter((contract) => rooms.some((room) => contract.startsWith(room)));
  return found.length > 0 ? found : ['(?!)'];
}

function rule(
  name: string,
  comment: string,
  from: IRegularForbiddenRuleType['from'],
  to: IRegularForbiddenRuleType['to'],
) {
  return { name, comment, severity: 'error', from, to } satisfies IRegularForbiddenRuleType;
}

const downwards = LAYERS.slice(1).map((layer, index) =>
  rule(
    `downwards-${index + 1}`,
    'imports point down only; upwards a contract may be named as a type',
    { path: anyOf(layer) },
    { path: anyOf(LAYERS.slice(0, index + 1).flat()), pathNot: anyOf(CONTRACTS) },
  ),
);

/** The import rules of this project; each is an error. */
export const IMPORT_RULES: readonly IRegularForbiddenRuleType[] = [
  ...downwards,
  ...LAYERS.slice(1).map((layer, index) =>
    rule(
      `contracts-as-types-${index + 1}`,
      'a contract of a higher layer may be named, not run',
      { path: anyOf(layer) },
      { path: anyOf(contractsOf(LAYERS.slice(0, index + 1).flat())), dependencyTypesNot: ['type-only'] },
    ),
  ),
  rule(
    'emulator-apart',
    'that emulator and predictor agree proves something only while they share no measuring code',
    { path: '^lib/firmware/' },
    { path: '^lib/(?:measure|identity|attestation|explain|judge)/' },
  ),
  rule(
    'predictor-apart',
    'that predictor and emulator agree proves something only while they share no measuring code',
    { path: '^lib/(?:measure|identity)/' },
    { path: '^lib/firmware/' },
  ),
  rule(
    'pure-rooms',
    'bytes, time and trust anchors come in as arguments',
    { path: anyOf(PURE) },
    {
      path: `^(?:node:)?(?:${EFFECTS.join('|')})(?:/|$)|node_modules/(?:@types/)?(?:${EFFECTFUL_PACKAGES.join('|')})/`,
    },
  ),
  rule(
    'browser-apart',
    'what runs in a browser is its own, tables, and the shape of its data',
    { path: '^report-ui/src/' },
    { path: '^lib/', pathNot: '^lib/(?:abi/|reporters/page/model\\.ts)', dependencyTypesNot: ['type-only'] },
  ),
  rule('no-circle', 'a circle has no bottom', {}, { circular: true }),
  rule(
    'product-alone',
    'what ships does not need its tests',
    { path: '^(?:lib|suites|report-ui)/' },
    { path: '^(?:test|bench)/' },
  ),
  rule(
    'runtime-dependencies',
    'what ships imports what is installed with it',
    { path: '^(?:lib|suites)/' },
    { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
  ),
  rule('resolvable', 'an import must lead somewhere', {}, { couldNotResolve: true }),
];
