import ts from 'typescript';
import { projectPath } from '../support/paths.ts';

const HEAD = `# What a suite can import

\`import { ... } from 'snp-conform'\`; how it is used is in [writing-suites.md](writing-suites.md). This page is made from the sources
by \`npm run docs:api\`.
`;

interface Entry {
  readonly name: string;
  readonly kind: 'value' | 'type';
  readonly declaration: string;
  readonly words: string;
}

/** A declaration without its body, as a reader needs it. */
function declarationText(node: ts.Node, source: ts.SourceFile): string {
  const whole = node.getText(source);
  if (ts.isFunctionDeclaration(node) && node.body !== undefined) {
    return `${whole.slice(0, node.body.getStart(source) - node.getStart(source)).trim()};`;
  }
  if (ts.isVariableDeclaration(node)) return '';
  return whole;
}

function entryOf(symbol: ts.Symbol, checker: ts.TypeChecker): Entry {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const node = target.declarations?.[0];
  if (node === undefined) throw new Error(`${symbol.name} is declared nowhere`);
  const tags = target.getJsDocTags(checker).map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`);
  const words = [ts.displayPartsToString(target.getDocumentationComment(checker)), ...tags].join('\n').trim();
  return {
    name: symbol.name,
    kind: target.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Variable) ? 'value' : 'type',
    declaration: declarationText(node, node.getSourceFile()),
    words,
  };
}

/** Members of an interface that is no export of its own: fixtures, and what expect has beside Playwright's. */
function membersOf(program: ts.Program, file: string, wanted: (node: ts.Node) => ts.Node | undefined): string {
  const source = program.getSourceFile(projectPath(file));
  if (source === undefined) throw new Error(`${file} is not part of the program`);
  const found = source.forEachChild((node) => wanted(node));
  if (found === undefined) throw new Error(`nothing found in ${file}`);
  return found.getText(source);
}

/** Functions of a file by their names, with docstrings and without bodies. */
function functionsOf(program: ts.Program, file: string, names: readonly string[]): string {
  const source = program.getSourceFile(projectPath(file));
  const found = names.map((name) => {
    const node = source?.statements.find((one) => ts.isFunctionDeclaration(one) && one.name?.text === name);
    if (source === undefined || node === undefined) throw new Error(`${file} has no function ${name}`);
    const comment = ts.getJSDocCommentsAndTags(node).map((one) => one.getText(source));
    return [...comment, declarationText(node, source)].join('\n');
  });
  return found.join('\n\n');
}

const fenced = (code: string): string => `\`\`\`typescript\n${code}\n\`\`\`\n`;

const sectionOf = ({ name, declaration, words }: Entry): string =>
  [`### ${name}\n`, words === '' ? '' : `${words}\n`, declaration === '' ? '' : fenced(declaration)]
    .filter(Boolean)
    .join('\n');

/** docs/api.md, from the docstrings and types of lib/index.ts. */
export function apiPage(): string {
  const index = projectPath('lib', 'index.ts');
  const { config } = ts.readConfigFile(projectPath('tsconfig.json'), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, projectPath());
  const program = ts.createProgram([index], { ...options, incremental: false });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(index);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error('lib/index.ts cannot be read');
  const entries = checker.getExportsOfModule(module).map((symbol) => entryOf(symbol, checker));
  const sorted = [...entries].sort((left, right) => (left.name < right.name ? -1 : 1));
  const fixtures = membersOf(program, 'lib/runner/fixtures.ts', (node) =>
    ts.isInterfaceDeclaration(node) && node.name.text === 'TestFixtures' ? node : undefined,
  );
  const matchers = functionsOf(program, 'lib/runner/matchers.ts', [
    'toConform',
    'toMeasure',
    'toBeRefusedWith',
    'toVerify',
  ]);
  return [
    HEAD,
    '## Fixtures\n',
    'Of `test`, beside those of Playwright:\n',
    fenced(fixtures),
    '## Matchers\n',
    'Of `expect`, beside those of Playwright; the first argument is what stands in `expect(...)`, and `.not` is its opposite:\n',
    fenced(matchers),
    '## Functions\n',
    ...sorted.filter(({ kind }) => kind === 'value').map(sectionOf),
    '## Types\n',
    ...sorted.filter(({ kind }) => kind === 'type').map(sectionOf),
  ].join('\n');
}
