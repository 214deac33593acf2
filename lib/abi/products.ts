import type { TcbLayoutName } from './tcb.ts';

/** One product line of SEV-SNP processors. */
export interface ProductLine {
  readonly name: string;
  /** CPUID family, as a report states it. */
  readonly family: number;
  /** CPUID models, first and last of each range. */
  readonly models: readonly (readonly [first: number, last: number])[];
  /** The name that the key distribution service and AMD's certificates have for it. */
  readonly kdsProduct: string;
  readonly tcbLayout: TcbLayoutName;
  /** How many bytes of CHIP_ID are the chip's; the rest is zero. */
  readonly chipIdBytes: 64 | 8;
}

const FAMILY_19 = { family: 0x19, tcbLayout: 'family19', chipIdBytes: 64 } as const;
const FAMILY_1A = { family: 0x1a, tcbLayout: 'family1a', chipIdBytes: 8 } as const;

/**
 * The product lines by CPUID family and model. Source: AMD 57230, key distribution service; Linux,
 * arch/x86/kernel/cpu/amd.c. Reports of model 0xA0 are endorsed by the Genoa chain. No chain of Venice is published yet.
 */
export const PRODUCT_LINES = [
  { name: 'Milan', ...FAMILY_19, models: [[0x00, 0x0f]], kdsProduct: 'Milan' },
  { name: 'Genoa', ...FAMILY_19, models: [[0x10, 0x1f]], kdsProduct: 'Genoa' },
  { name: 'Bergamo or Siena', ...FAMILY_19, models: [[0xa0, 0xaf]], kdsProduct: 'Genoa' },
  { name: 'Turin', ...FAMILY_1A, models: [[0x00, 0x11]], kdsProduct: 'Turin' },
  {
    name: 'Venice',
    ...FAMILY_1A,
    models: [
      [0x50, 0x57],
      [0x90, 0x9f],
      [0xa0, 0xaf],
      [0xc0, 0xc7],
    ],
    kdsProduct: 'Venice',
  },
] as const satisfies readonly ProductLine[];
export type KdsProduct = (typeof PRODUCT_LINES)[number]['kdsProduct'];
export type KnownProductLine = (typeof PRODUCT_LINES)[number];

/** The names of the key distribution service, each once. */
export const KDS_PRODUCTS: readonly KdsProduct[] = [...new Set(PRODUCT_LINES.map(({ kdsProduct }) => kdsProduct))];

/** The product line of a CPUID family and model; undefined where none is known. */
export function productLineOf(family: number, model: number): KnownProductLine | undefined {
  return PRODUCT_LINES.find(
    (line: ProductLine) =>
      line.family === family && line.models.some(([first, last]) => model >= first && model <= last),
  ) as KnownProductLine | undefined;
}
