import type { AnnouncedPolicyBit, ConditionalPolicyBit, Platform } from './platform.ts';

/** The product lines that an emulated host can pass for. */
export const PRODUCT_NAMES = ['Milan', 'Genoa', 'Turin'] as const;
export type ProductName = (typeof PRODUCT_NAMES)[number];

type Product = Omit<Platform, 'product' | 'chipId' | 'smtEnabled' | 'sockets' | 'meets'>;

/**
 * One machine of each product line, with a firmware and TCB as real reports of it show them. Which policy bits beyond bit 20
 * a firmware announces is per platform and build: what stands here is a choice, and hosts.json may make another.
 */
const PRODUCTS: Readonly<Record<ProductName, Product>> = {
  Milan: {
    ...{ apiMajor: 1, apiMinor: 55, build: 29 },
    tcb: 0xdb17_0000_0000_0004n,
    cpuid: { family: 0x19, model: 0x01, stepping: 0x1 },
    announces: [],
  },
  Genoa: {
    ...{ apiMajor: 1, apiMinor: 55, build: 39 },
    tcb: 0x4817_0000_0000_0009n,
    cpuid: { family: 0x19, model: 0x11, stepping: 0x1 },
    announces: ['CXL_ALLOW', 'MEM_AES_256_XTS', 'RAPL_DIS'],
  },
  Turin: {
    ...{ apiMajor: 1, apiMinor: 58, build: 3 },
    tcb: 0x5200_0000_0401_0101n,
    cpuid: { family: 0x1a, model: 0x02, stepping: 0x1 },
    announces: ['CXL_ALLOW', 'MEM_AES_256_XTS', 'RAPL_DIS', 'CIPHERTEXT_HIDING_DRAM'],
  },
};

/** What may be chosen of an emulated platform; what is absent is that of the product line, with SMT and one socket. */
export interface PlatformOptions {
  product?: ProductName | undefined;
  /** MAJOR.MINOR of the firmware's ABI. */
  apiVersion?: string | undefined;
  smt?: boolean | undefined;
  sockets?: number | undefined;
  announces?: readonly AnnouncedPolicyBit[] | undefined;
  meets?: readonly ConditionalPolicyBit[] | undefined;
}

/** The product line of an emulated host that names none. */
export const DEFAULT_PRODUCT: ProductName = 'Genoa';

/** An emulated platform; its chip has no identity yet. */
export function makePlatform(options: PlatformOptions = {}): Omit<Platform, 'chipId'> {
  const product = options.product ?? DEFAULT_PRODUCT;
  const base = PRODUCTS[product];
  const [major, minor] = (options.apiVersion ?? `${base.apiMajor}.${base.apiMinor}`).split('.').map(Number);
  return {
    ...base,
    product,
    apiMajor: major ?? base.apiMajor,
    apiMinor: minor ?? base.apiMinor,
    smtEnabled: options.smt ?? true,
    sockets: options.sockets ?? 1,
    announces: options.announces ?? base.announces,
    meets: options.meets ?? [],
  };
}
