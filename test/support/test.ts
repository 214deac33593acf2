// The public `test` of the runner carries browser fixtures that cost 8 ms a test; its root costs 1 ms. This module is the
// one place that knows the underscored name.
export { _baseTest as test, expect } from '@playwright/test';
