import { Argument, Command } from 'commander';
import { z } from 'zod';
import { hostReportSchema } from '../evidence/host-report.ts';
import { cellFileSchema, evidenceSchema, firmwareDescriptorSchema } from '../evidence/schema.ts';
import { hostsSchema } from '../host/hosts-schema.ts';
import { matrixSchema } from '../matrix/matrix-file.ts';

/** A file whose shape can be printed. */
interface SchemaRow {
  readonly name: string;
  readonly what: string;
  readonly schema: z.ZodType;
}

/** The files that people write come first. */
export const SCHEMAS: readonly SchemaRow[] = [
  { name: 'hosts', what: 'hosts.json', schema: hostsSchema },
  { name: 'matrix', what: 'matrix.json', schema: matrixSchema },
  { name: 'firmware', what: 'a firmware descriptor', schema: firmwareDescriptorSchema },
  { name: 'cell', what: 'the file of a cell in a run', schema: cellFileSchema },
  { name: 'evidence', what: 'the evidence of one launch', schema: evidenceSchema },
  { name: 'host', what: 'the file of a host in a run', schema: hostReportSchema },
];

/**
 * A schema as JSON Schema, draft 2020-12, of what may be written into the file: what has a default may be left out.
 * Conditions between fields have no form there and are checked by the command that reads the file alone.
 */
export function jsonSchemaOf({ name, what, schema }: SchemaRow): object {
  const title = `snp-conform ${name}: ${what}`;
  return { title, ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) };
}

const HELP = `
Files:
${SCHEMAS.map(({ name, what }) => `  ${name.padEnd(10)} ${what}`).join('\n')}

Examples:
  snp-conform schema hosts > hosts.schema.json
  snp-conform schema matrix > matrix.schema.json

An editor checks a file that begins with: { "$schema": "./hosts.schema.json", ...
`;

/** `snp-conform schema`: the shapes of files, for editors and other programs. */
export function schemaCommand(): Command {
  return new Command('schema')
    .addArgument(new Argument('<file>', 'which').choices(SCHEMAS.map(({ name }) => name)))
    .addHelpText('after', HELP)
    .action((name: string) => {
      const row = SCHEMAS.find((candidate) => candidate.name === name);
      if (row !== undefined) process.stdout.write(`${JSON.stringify(jsonSchemaOf(row), null, 2)}\n`);
    });
}
