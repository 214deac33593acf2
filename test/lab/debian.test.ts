import { expect, test } from '../support/test.ts';
import {
  mainSource,
  parseIndexTargets,
  parseRelease,
  parseStanza,
  programSources,
  sourcesList,
  suiteSources,
} from './debian.ts';

const RELEASE = { id: 'debian', codename: 'bookworm' };
const INDEXES = `deb|http://mirror.example/debian/|bookworm|main|$(SIGNED_BY)
deb|http://mirror.example/debian/|bookworm|main|$(SIGNED_BY)
deb-src|http://mirror.example/debian/|bookworm|main|$(SIGNED_BY)
deb|http://mirror.example/debian/|bookworm-updates|main|/keys/own.gpg
deb|http://mirror.example/debian-security/|bookworm-security|main|
deb|http://elsewhere.example/node_20.x/|nodistro|main|/keys/node.gpg
`;

test.describe('the release of a machine', () => {
  test('is read with and without quotes', () => {
    const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID="debian"\n';
    expect(parseRelease(text)).toEqual(RELEASE);
  });

  test('is empty where the file does not say', () => {
    expect(parseRelease('NAME=Something\n')).toEqual({ id: '', codename: '' });
  });
});

test.describe('the sources of a machine', () => {
  const sources = parseIndexTargets(INDEXES);

  test('are each named once, sources of source packages not at all', () => {
    expect(sources.map(({ suite }) => suite)).toEqual([
      'bookworm',
      'bookworm-updates',
      'bookworm-security',
      'nodistro',
    ]);
  });

  test('have the keyring that apt names, and none where it names none', () => {
    expect(sources.map(({ signedBy }) => signedBy)).toEqual([undefined, '/keys/own.gpg', undefined, '/keys/node.gpg']);
  });

  test('give the mirror of the release', () => {
    expect(mainSource(sources, RELEASE).uri).toBe('http://mirror.example/debian/');
  });

  test('without the release are an error that names those there are', () => {
    expect(() => mainSource(sources, { id: 'debian', codename: 'trixie' })).toThrow(
      /HOST_COMMAND: .* no source for trixie main; it names bookworm main, bookworm-updates main/,
    );
  });

  test('for programs are those of the release and its backports, of the same mirror', () => {
    expect(programSources(sources, RELEASE).map(({ uri, suite }) => `${uri} ${suite}`)).toEqual([
      'http://mirror.example/debian/ bookworm',
      'http://mirror.example/debian/ bookworm-updates',
      'http://mirror.example/debian-security/ bookworm-security',
      'http://mirror.example/debian/ bookworm-backports',
    ]);
  });

  test('for programs keep backports that the machine has by itself', () => {
    const own = { uri: 'http://other.example/', suite: 'bookworm-backports', component: 'main' };
    const suites = programSources([...sources, own], RELEASE).filter(({ suite }) => suite === 'bookworm-backports');
    expect(suites).toEqual([own]);
  });

  test('for data name each suite once', () => {
    expect(suiteSources(sources, RELEASE, ['sid', 'bookworm', 'sid']).map(({ suite }) => suite)).toEqual([
      'sid',
      'bookworm',
    ]);
  });

  test('are written with a keyring where one is known', () => {
    const [main, updates] = sources;
    expect(
      sourcesList(
        [main, updates].filter((source) => source !== undefined),
        '/keys/debian.gpg',
      ),
    ).toBe(
      'deb [arch=amd64 target=Packages signed-by=/keys/debian.gpg] http://mirror.example/debian/ bookworm main\n' +
        'deb [arch=amd64 target=Packages signed-by=/keys/own.gpg] http://mirror.example/debian/ bookworm-updates main\n',
    );
    expect(sourcesList(sources.slice(0, 1), undefined)).toBe(
      'deb [arch=amd64 target=Packages] http://mirror.example/debian/ bookworm main\n',
    );
  });
});

test.describe('a stanza of apt-cache', () => {
  test('is read up to its end, without the folded lines', () => {
    const stanza = parseStanza(
      'Package: a\nVersion: 1:2-3\nDescription: short\n more: of it\n\nPackage: a\nVersion: 9\n',
    );
    expect([...(stanza ?? [])]).toEqual([
      ['Package', 'a'],
      ['Version', '1:2-3'],
      ['Description', 'short'],
    ]);
  });

  test('is nothing where nothing was printed', () => {
    expect(parseStanza('\n')).toBeUndefined();
  });
});
