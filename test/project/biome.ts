import { execa } from 'execa';
import { z } from 'zod';
import { projectPath } from '../support/paths.ts';

const reportSchema = z.object({
  summary: z.object({ changed: z.number(), unchanged: z.number() }),
  diagnostics: z.array(
    z.object({
      severity: z.string(),
      category: z.string(),
      location: z.object({ path: z.string(), start: z.object({ line: z.number() }).optional() }).optional(),
    }),
  ),
});

/** What the linter has to say of a folder. */
export interface LintResult {
  /** How many files it checked. */
  files: number;
  /** `path:line rule (severity)`, sorted; warnings too. */
  complaints: string[];
}

/** Checks the format and the rules of every file of a folder that has a biome.json. */
export async function lint(folder: string): Promise<LintResult> {
  const biome = projectPath('node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const args = [biome, 'check', '--reporter=json', '--max-diagnostics=none', '--diagnostic-level=warn', '.'];
  const done = await execa(process.execPath, args, { cwd: folder, stdin: 'ignore', reject: false });
  const line = done.stdout.split('\n').find((text) => text.startsWith('{"summary"'));
  if (line === undefined) throw new Error(`the linter gave no report: ${done.stderr.slice(0, 2000)}`);
  const { summary, diagnostics } = reportSchema.parse(JSON.parse(line));
  const complaints = diagnostics.map(({ location, category, severity }) => {
    const at = location === undefined ? '' : `${location.path}:${location.start?.line ?? 0} `;
    return `${at}${category} (${severity})`;
  });
  return { files: summary.changed + summary.unchanged, complaints: complaints.sort() };
}
