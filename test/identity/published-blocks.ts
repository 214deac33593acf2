import { ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE, ID_AUTH } from '../../lib/abi/id-auth.ts';
import { serialiseLayout } from '../../lib/abi/layout.ts';

/** 48 bytes as the 72-byte little-endian field that holds them. */
function field(hex: string): Uint8Array {
  const bytes = new Uint8Array(72);
  bytes.set(Buffer.from(hex, 'hex'));
  return bytes;
}

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

/** An ID block and ID auth that virtee/sev made: its expected values, tests/id-block.rs at 9cf2adb; little-endian numbers. */
export const VIRTEE_SEV = {
  launchDigest: 'a14d638341e5674628fe1e02fbedebe5e5ab4faf1dd72d8966068e615bb99efd13d214b35c231715b38e263dc6059745',
  idBlock: fromBase64(
    'oU1jg0HlZ0Yo/h4C++3r5eWrT68d1y2JZgaOYVu5nv0T0hSzXCMXFbOOJj3GBZdFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAwAAAAAA',
  ),
  idAuth: serialiseLayout(
    ID_AUTH,
    {
      idKeyAlgo: 1,
      authKeyAlgo: 1,
      idBlockSig: serialiseLayout(
        ECDSA_SIGNATURE,
        {
          r: field('e5d3bf7d9bf9e061bd4e8f7c6acae05909a9c3c69f04f318f0135eae71ff7d05ef5c8c6b1bc8c047613a7b6f01b738da'),
          s: field('d4194dca67de8381ec6d267c032b03dd3c1f5eafa6aa61e92964e5548bef332b1ae921f26de16ac33b642744d197a5d8'),
        },
        'signature',
      ),
      idKey: serialiseLayout(
        ECDSA_PUBLIC_KEY,
        {
          curve: 2,
          qx: field('1f6d3c80b8fb9ef29ff7dd47e8de3fcb95dd90438768b1932c55233c0c475df54ccab8c82c2ff22c1bcf09264d3e76f6'),
          qy: field('3ebe939c38350b08cd9bda503c85380dfd7c6012f71966767b3214cbdea837ad1d6dbe0a19b150c7c1cdb947d0a8d7cc'),
        },
        'public key',
      ),
      idKeySig: serialiseLayout(
        ECDSA_SIGNATURE,
        {
          r: field('bb887b94557f568689ff4855c3f7ed99810c3d54ecd429651134dc18dd020ecaa771a34cb97666771aa31f0eb462ea99'),
          s: field('f261e8b95da71b2a35425f48a219a77dbb0fee252f64d18ce99888b9fb4f70b104011b7dfea3e0349371a2bfaf6f9133'),
        },
        'signature',
      ),
      authorKey: serialiseLayout(
        ECDSA_PUBLIC_KEY,
        {
          curve: 2,
          qx: field('8c8645dad57349a3c5ffc6c1a5f74a569f0f833c078bb22cd79474f0fe92ce716a73985ba2996233d14c90d68bc77062'),
          qy: field('f5ac8771e0911103c9f2a2fe484377192accb388cc3afdb759b5563ecd08935fa9e2028108107aa74884c9a230793c86'),
        },
        'public key',
      ),
    },
    'ID auth',
  ),
  idKeyDigest: fromBase64('WfssaG36T+9J84M5qndckAUcKNVzg93DuvO160sUlt87DbvcuuX+J2d6ZEggdz/i'),
  authorKeyDigest: fromBase64('7tgRafsMteDsNHlPEo/U4MSkb2fGWhrfqB/LJLzAiMJyNpt//D6ytq9qQoShs2xf'),
} as const;

/** What sev-snp-measure says of a digest and a key: tests/test_id_block.py and tests/keyfile/id_key_test.pem at 8f2b337. */
export const SEV_SNP_MEASURE = {
  launchDigest: 'B28FLQi9p6cAqipgjFyqawDrrSl7bWioWkWx5mmlWLZ+G5HShKMB/mPE+gdQRn7t',
  idBlock: fromBase64(
    'B28FLQi9p6cAqipgjFyqawDrrSl7bWioWkWx5mmlWLZ+G5HShKMB/mPE+gdQRn7tAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAwAAAAAA',
  ),
  /** Its ID key, big-endian coordinates. */
  x: 'b20fd1a1c2bd2b65183a76e2390ac805f6d8e5e2af725e5a8e93cf87ec029f9d45eb326b04b92beb714e14fa986f8a9a',
  y: '2c94a0b8ab30cc76352675944876891e954ff6ef5826a6231ba6d6d7f6ebfb68ce330e1e59394efb7080883ddc69364b',
  idKeyDigest: fromBase64('hwt+NcU/inLQ0yL3WrKvgmJ5Kq9leWIs5BMcPyHyied8sFYKXjuQs5MuZ07HCcsU'),
} as const;
