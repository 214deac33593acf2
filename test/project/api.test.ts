import * as api from '../../lib/index.ts';
import { expect, test } from '../support/test.ts';
import { apiPage } from './api-page.ts';
import { projectText } from './files.ts';

test('docs/api.md is what the sources say (npm run docs:api makes it)', () => {
  expect(projectText('docs/api.md')).toBe(apiPage());
});

test('everything that can be imported has a docstring in it', () => {
  const page = projectText('docs/api.md') ?? '';
  for (const name of Object.keys(api)) expect(page).toMatch(new RegExp(`^### ${name}\\n\\n\\S`, 'm'));
});
