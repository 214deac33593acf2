import { readFileSync } from 'node:fs';
import { jsonSchemaOf, SCHEMAS } from '../../lib/cli/schema.ts';
import { runHere } from '../support/cli-here.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

/** Every name that a JSON Schema gives to a property, at any depth. */
function propertyNames(schema: unknown): Set<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const properties: unknown = Reflect.get(value, 'properties');
    if (typeof properties === 'object' && properties !== null)
      for (const name of Object.keys(properties)) found.add(name);
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(schema);
  return found;
}

/** Every key of a document, at any depth. */
function keysOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(keysOf);
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
}

for (const row of SCHEMAS) {
  test(`the schema of ${row.name} is one of JSON Schema 2020-12 and lets nothing unknown in`, () => {
    expect(jsonSchemaOf(row)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      additionalProperties: false,
    });
  });
}

test('the schema of hosts.json is printed, and knows every key of the example but the names of builds', async () => {
  const { exitCode, stdout } = await runHere(['schema', 'hosts']);
  expect(exitCode).toBe(0);
  const known = propertyNames(JSON.parse(stdout));
  const example: unknown = JSON.parse(readFileSync(projectPath('hosts.example.json'), 'utf8'));
  expect(keysOf(example).filter((key) => !known.has(key))).toEqual(['default', 'default']);
  expect([...known]).toEqual(expect.arrayContaining(['jump', 'passphrase', 'limits', 'power', 'destructive']));
});

test('a file without a schema is refused with the names of those that have one', async () => {
  const { exitCode, stderr } = await runHere(['schema', 'host.json']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('hosts, matrix, firmware');
});
