import { writeFileSync } from 'node:fs';
import { projectPath } from '../support/paths.ts';
import { apiPage } from './api-page.ts';

writeFileSync(projectPath('docs', 'api.md'), apiPage());
