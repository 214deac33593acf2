import { resolve } from 'node:path';
import { cacheDirectory } from '../lib/cache.ts';
import { expect, test } from './support/test.ts';

test.describe('the cache folder', () => {
  test('is what SNP_CONFORM_CACHE names, before all else', () => {
    expect(cacheDirectory({ SNP_CONFORM_CACHE: '/own', XDG_CACHE_HOME: '/xdg' }, '/home/a')).toBe('/own');
    expect(cacheDirectory({ SNP_CONFORM_CACHE: 'own' }, '/home/a')).toBe(resolve('own'));
  });

  test('is among the caches of the user', () => {
    expect(cacheDirectory({ XDG_CACHE_HOME: '/xdg' }, '/home/a')).toBe('/xdg/snp-conform');
    expect(cacheDirectory({}, '/home/a')).toBe('/home/a/.cache/snp-conform');
  });

  test('takes an empty or relative name as none', () => {
    expect(cacheDirectory({ SNP_CONFORM_CACHE: '', XDG_CACHE_HOME: 'xdg' }, '/home/a')).toBe(
      '/home/a/.cache/snp-conform',
    );
  });
});
