import type { KdsProduct } from '../abi/products.ts';

/** A root that is trusted: by the digest of its public key, never by a certificate that the evidence brings. */
export interface Anchor {
  /** The products whose chips it vouches for, as the key distribution service names them. */
  product: KdsProduct;
  /** What the common names of its chain end in: `ARK-Milan`, `SEV-Milan`, `SEV-VLEK-Milan` for `Milan`. */
  chainName: string;
  /** O of every name in the chain. */
  organization: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo, as lower-case hex. */
  spkiSha256: string;
}

const organization = 'Advanced Micro Devices';

/** AMD's roots. Source: the ARK certificates of AMD's key distribution service, the same in every public verifier. */
export const AMD_ANCHORS = [
  {
    product: 'Milan',
    chainName: 'Milan',
    organization,
    spkiSha256: '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
  },
  {
    product: 'Genoa',
    chainName: 'Genoa',
    organization,
    spkiSha256: '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
  },
  {
    product: 'Turin',
    chainName: 'Turin',
    organization,
    spkiSha256: '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
  },
] as const satisfies readonly Anchor[];
