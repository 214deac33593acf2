import { cruise as dependencyCruise, type IRegularForbiddenRuleType } from 'dependency-cruiser';

/**
 * Cruises the sources of a project and tells which imports break the rules.
 * @returns `rule: from -> to`, sorted; and how many files were seen
 */
export async function cruise(
  root: string,
  folders: readonly string[],
  rules: readonly IRegularForbiddenRuleType[],
): Promise<{ files: number; violations: string[] }> {
  const { output } = await dependencyCruise([...folders], {
    baseDir: root,
    ruleSet: { forbidden: [...rules] },
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'default', 'types'],
    },
  });
  if (typeof output === 'string') throw new Error('dependency-cruiser gave a text where a result was expected');
  return {
    files: output.modules.filter(({ source }) => folders.some((folder) => source.startsWith(folder))).length,
    violations: output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort(),
  };
}
