import { HarnessError } from '../../lib/errors.ts';

/** What this machine says that it is. */
export interface Release {
  /** `debian`, `ubuntu`, ... */
  id: string;
  /** `bookworm`, `trixie`, ... */
  codename: string;
}

/** A package source of apt: one line of a sources.list. */
export interface AptSource {
  uri: string;
  suite: string;
  component: string;
  /** The keyring that vouches for it; undefined: apt's own default. */
  signedBy?: string | undefined;
}

/** What apt is asked to print of each index that its configuration names; the order that parseIndexTargets expects. */
export const INDEX_FORMAT = '$(TARGET_OF)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)';

/** Reads /etc/os-release. */
export function parseRelease(text: string): Release {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).replace(/^"(.*)"$/, '$1'));
  }
  return { id: fields.get('ID') ?? '', codename: fields.get('VERSION_CODENAME') ?? '' };
}

/** Reads what `apt-get indextargets --format INDEX_FORMAT` printed: the sources that this machine already trusts. */
export function parseIndexTargets(text: string): AptSource[] {
  const sources = new Map<string, AptSource>();
  for (const line of text.split('\n')) {
    const [targetOf, uri, suite, component, signedBy] = line.split('|');
    if (targetOf !== 'deb' || !uri || !suite || !component) continue;
    // A field that apt does not know in this version stays as it was written.
    const keyring = signedBy === undefined || signedBy === '' || signedBy.startsWith('$') ? undefined : signedBy;
    sources.set(`${uri} ${suite} ${component}`, { uri, suite, component, signedBy: keyring });
  }
  return [...sources.values()];
}

/**
 * The mirror from which this machine installs its own release.
 * @throws HarnessError HOST_COMMAND when apt's configuration names none
 */
export function mainSource(sources: readonly AptSource[], release: Release): AptSource {
  const found = sources.find(({ suite, component }) => suite === release.codename && component === 'main');
  if (found) return found;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `the apt configuration names no source for ${release.codename} main; it names ${
      sources.map(({ suite, component }) => `${suite} ${component}`).join(', ') || 'none at all'
    }`,
    where: 'this machine',
    hint: 'add the mirror of this release to /etc/apt/sources.list',
  });
}

/** The release's own sources and its backports, for programs that are installed. */
export function programSources(sources: readonly AptSource[], release: Release): AptSource[] {
  const own = sources.filter(({ suite }) => suite === release.codename || suite.startsWith(`${release.codename}-`));
  const backports = { ...mainSource(sources, release), suite: `${release.codename}-backports` };
  return own.some(({ suite, component }) => suite === backports.suite && component === 'main')
    ? own
    : [...own, backports];
}

/** The same mirror's other suites, for data that is unpacked and never installed. */
export function suiteSources(sources: readonly AptSource[], release: Release, suites: readonly string[]): AptSource[] {
  const main = mainSource(sources, release);
  return [...new Set(suites)].map((suite) => ({ ...main, suite }));
}

/** The text of a sources.list. Only package indexes are asked for: nothing here reads translations or contents. */
export function sourcesList(sources: readonly AptSource[], keyring: string | undefined): string {
  return sources
    .map(({ uri, suite, component, signedBy }) => {
      const key = signedBy ?? keyring;
      const options = ['arch=amd64', 'target=Packages', ...(key === undefined ? [] : [`signed-by=${key}`])];
      return `deb [${options.join(' ')}] ${uri} ${suite} ${component}\n`;
    })
    .join('');
}

/** The fields of the first paragraph that `apt-cache show` printed; undefined where it printed none. */
export function parseStanza(text: string): ReadonlyMap<string, string> | undefined {
  const first = text.split('\n\n')[0]?.trim();
  if (!first) return undefined;
  const fields = new Map<string, string>();
  for (const line of first.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0 && !line.startsWith(' ')) fields.set(line.slice(0, at), line.slice(at + 2));
  }
  return fields;
}
