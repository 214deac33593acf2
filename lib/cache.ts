import { isAbsolute, join, resolve } from 'node:path';

/**
 * The folder that keeps what is fetched or built once: SNP_CONFORM_CACHE, else the `snp-conform` folder of the user's
 * caches. `cache:` paths of a matrix start here.
 * @param env the environment   @param home the user's home folder
 * @returns an absolute path; the folder need not exist
 * Source: XDG Base Directory Specification 0.8, XDG_CACHE_HOME: a relative path there is to be ignored.
 */
export function cacheDirectory(env: NodeJS.ProcessEnv, home: string): string {
  const own = env.SNP_CONFORM_CACHE;
  if (own !== undefined && own !== '') return resolve(own);
  const xdg = env.XDG_CACHE_HOME;
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, '.cache'), 'snp-conform');
}
