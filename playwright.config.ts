import { defineConfig } from './lib/runner/define-config.ts';

/** The conformance suites of the package; suites of one's own have a configuration of their own. */
export default defineConfig({ testDir: './suites' }, { announced: true });
