import { KDS_PRODUCTS, productLineOf } from '../../lib/abi/products.ts';
import { expect, test } from '../support/test.ts';

const CASES: readonly (readonly [number, number, string | undefined, string | undefined])[] = [
  [0x19, 0x00, 'Milan', 'Milan'],
  [0x19, 0x01, 'Milan', 'Milan'],
  [0x19, 0x0f, 'Milan', 'Milan'],
  [0x19, 0x10, 'Genoa', 'Genoa'],
  [0x19, 0x11, 'Genoa', 'Genoa'],
  [0x19, 0x1f, 'Genoa', 'Genoa'],
  [0x19, 0x20, undefined, undefined],
  [0x19, 0x9f, undefined, undefined],
  [0x19, 0xa0, 'Bergamo or Siena', 'Genoa'],
  [0x19, 0xaf, 'Bergamo or Siena', 'Genoa'],
  [0x19, 0xb0, undefined, undefined],
  [0x1a, 0x00, 'Turin', 'Turin'],
  [0x1a, 0x02, 'Turin', 'Turin'],
  [0x1a, 0x11, 'Turin', 'Turin'],
  [0x1a, 0x12, undefined, undefined],
  [0x1a, 0x50, 'Venice', 'Venice'],
  [0x17, 0x31, undefined, undefined],
];

for (const [family, model, name, kdsProduct] of CASES) {
  test(`family 0x${family.toString(16)}, model 0x${model.toString(16)} is ${name ?? 'no known product'}`, () => {
    const line = productLineOf(family, model);
    expect([line?.name, line?.kdsProduct]).toEqual([name, kdsProduct]);
  });
}

test('the key distribution service names each product once', () => {
  expect(KDS_PRODUCTS).toEqual(['Milan', 'Genoa', 'Turin', 'Venice']);
});
