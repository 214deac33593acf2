import { createHash } from 'node:crypto';
import { AMD_ANCHORS } from '../../lib/attestation/anchors.ts';
import { nameAttribute, readCertificate, readCrl, signedBy } from '../../lib/attestation/certificate.ts';
import { readLeafExtensions } from '../../lib/attestation/leaf-extensions.ts';
import { HarnessError } from '../../lib/errors.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { vectorBytes, vectorsAbsent, vectorsPresent } from '../support/vectors.ts';
import { certificateDer, crlDer, MILAN_LEVELS, madeChain, oldExtensions } from './made-chain.ts';
import { REAL_ISSUERS, realLeaf } from './real-certificates.ts';
import { REAL_REPORTS, reportBytes } from './real-reports.ts';

test.describe('of the real certificates', () => {
  test.skip(!vectorsPresent, vectorsAbsent);

  // Source: SHA-256 of the DER and of the SubjectPublicKeyInfo, as OpenSSL computes them; the same in several public verifiers.
  const ROOTS: readonly (readonly [string, string, string, string])[] = [
    [
      'ARK-Milan',
      '10000',
      '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
      '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
    ],
    [
      'ARK-Genoa',
      '20000',
      '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
      '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
    ],
    [
      'ARK-Turin',
      '30000',
      '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
      '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
    ],
  ];
  for (const [commonName, serial, derDigest, keyDigest] of ROOTS) {
    test(`${commonName} is AMD's, and its key is the pinned one`, () => {
      const root = REAL_ISSUERS.find(({ subject }) => nameAttribute(subject, 'CN') === commonName);
      expect(root).toMatchObject({ kind: 'ARK', serialNumber: serial });
      expect(
        createHash('sha256')
          .update(root?.der ?? '')
          .digest('hex'),
      ).toBe(derDigest);
      expect(root?.keyDigest()).toBe(keyDigest);
      expect(AMD_ANCHORS.find((anchor) => `ARK-${anchor.chainName}` === commonName)?.spkiSha256).toBe(keyDigest);
    });
  }

  test('issuers are told apart by their names', () => {
    const kinds = REAL_ISSUERS.map(({ kind, subject }) => `${kind} ${nameAttribute(subject, 'CN')}`);
    expect([...new Set(kinds)].sort()).toEqual([
      'ARK ARK-Genoa',
      'ARK ARK-Milan',
      'ARK ARK-Turin',
      'ASK SEV-Genoa',
      'ASK SEV-Milan',
      'ASK SEV-Turin',
      'ASVK SEV-VLEK-Genoa',
      'ASVK SEV-VLEK-Milan',
      'ASVK SEV-VLEK-Turin',
    ]);
  });

  for (const { name, reportedTcb, signedBy: leaves } of REAL_REPORTS) {
    for (const leafName of leaves) {
      test(`${leafName} states chip and TCB of ${name}, with serial number 0`, () => {
        const leaf = realLeaf(leafName);
        const isVlek = name.endsWith('vlek');
        expect(leaf).toMatchObject({ kind: isVlek ? 'VLEK' : 'VCEK', serialNumber: '0' });
        const { statement, troubles } = readLeafExtensions(isVlek ? 'VLEK' : 'VCEK', leaf.details().extensions);
        expect(troubles).toEqual([]);
        const tcb = Buffer.alloc(8);
        tcb.writeBigUInt64LE(statement?.tcb ?? 0n);
        expect(tcb.toString('hex')).toBe(reportedTcb);
        const chipId = reportBytes(name).subarray(0x1a0, 0x1e0);
        const hwId = statement?.hwId;
        if (isVlek) expect([hwId, statement?.cspId]).toEqual([null, expect.stringMatching(/^CN=cc-.*amazonaws\.com$/)]);
        else expect(Buffer.compare(hwId ?? new Uint8Array(), chipId.subarray(0, hwId?.length))).toBe(0);
        expect(statement?.structVersion).toBe(name.startsWith('turin') ? 1 : 0);
      });
    }
  }

  test('both ways of writing PSS parameters occur, and are read as the same', () => {
    const [old, young] = [realLeaf('milan-v2-a.vcek'), realLeaf('turin-v5-a.vcek')];
    expect(old.structure.algorithm.length).toBe(young.structure.algorithm.length + 5);
    expect(old.details().scheme).toEqual({ name: 'RSA-PSS', hash: 'SHA-384', saltBytes: 48 });
    expect(young.details().scheme).toEqual(old.details().scheme);
  });

  test('a real root with another date is not signed by its own key any more', () => {
    const root = REAL_ISSUERS.find(({ subject }) => nameAttribute(subject, 'CN') === 'ARK-Milan');
    const der = Buffer.from(root?.der ?? '');
    der[der.indexOf(Buffer.from('451022172305Z', 'latin1'))] = 0x39;
    const altered = readCertificate(der, 'altered');
    expect(altered.keyDigest()).toBe(root?.keyDigest());
    expect(altered.notAfter).not.toEqual(root?.notAfter);
    expect(root && signedBy(root.structure, root)).toBe(true);
    expect(signedBy(altered.structure, altered)).toBe(false);
  });

  test('a certificate with a byte more or less is refused', () => {
    const der = vectorBytes('certs/turin-v5-a.vcek.der');
    expect(errorCodeOf(() => readCertificate(Buffer.concat([der, Uint8Array.of(0)]), 'longer'))).toBe(
      'CERTIFICATE_INVALID',
    );
    for (let length = 0; length < der.length; length += 7) {
      expect(errorCodeOf(() => readCertificate(der.subarray(0, length), 'shorter'))).toBe('CERTIFICATE_INVALID');
    }
  });
});

const made = madeChain();

test('a certificate does not change with the bytes that it was read from', () => {
  const der = Buffer.from(certificateDer(made.leaf));
  const leaf = readCertificate(der, 'leaf');
  der.fill(0);
  expect(leaf.details().extensions).toHaveLength(11);
  expect(leaf.keyDigest()).toBe(readCertificate(certificateDer(made.leaf), 'again').keyDigest());
});

test('PEM is no DER', () => {
  expect(errorCodeOf(() => readCertificate(Buffer.from('-----BEGIN CERTIFICATE-----'), 'pem'))).toBe(
    'CERTIFICATE_INVALID',
  );
});

test('what is larger than any certificate is refused before it is read', () => {
  expect(() => readCertificate(new Uint8Array(16 * 1024 + 1), 'large')).toThrow(
    'the certificate has 16385 bytes, more than 16384',
  );
  expect(() => readCrl(new Uint8Array(1024 * 1024 + 1), 'large')).toThrow('the certificate list has 1048577 bytes');
});

test('a leaf whose basic constraints are there twice is refused where they are looked at', () => {
  const constraints = { oid: '2.5.29.19', value: Uint8Array.of(0x30, 0) };
  const extensions = [...oldExtensions('Milan', MILAN_LEVELS), constraints, constraints];
  const leaf = readCertificate(certificateDer({ ...made.leaf, extensions }), 'double');
  const error = (() => {
    try {
      return leaf.details();
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(HarnessError);
  expect(error).toMatchObject({ code: 'CERTIFICATE_INVALID', where: 'double' });
});

test('the serial numbers of a list are compared as those of certificates are', () => {
  const crl = readCrl(crlDer({ ...made.crl, serials: [0x10001, 0x80, 0] }), 'list');
  expect(crl.details().revokedSerials).toEqual(['10001', '80', '0']);
  expect(readCertificate(certificateDer({ ...made.intermediate, serial: 0x80 }), 'x').serialNumber).toBe('80');
});

test('a common name that is there twice is none', () => {
  expect(nameAttribute('O=a\nCN=SEV-VCEK', 'CN')).toBe('SEV-VCEK');
  expect(nameAttribute('CN=SEV-VCEK\nCN=ARK-Milan', 'CN')).toBeUndefined();
  const twice = [...made.leaf.subject, ['CN', 'ARK-Milan'] as const];
  expect(readCertificate(certificateDer({ ...made.leaf, subject: twice }), 'x').kind).toBe('other');
});

test('a name that another attribute only quotes is none', () => {
  for (const separator of [', ', '\n', '/', ' + ']) {
    const subject = [['O', `Tests${separator}CN=ARK-Milan`] as const];
    expect(readCertificate(certificateDer({ ...made.leaf, subject }), 'x').kind, separator).toBe('other');
  }
});
