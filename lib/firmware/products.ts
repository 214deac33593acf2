import { joinTcb, splitTcb, type TcbComponent, type TcbLayoutName } from '../abi/tcb.ts';
import type { AnnouncedPolicyBit, ConditionalPolicyBit, Platform, ProductName, ReportVersion } from './platform.ts';

type Product = Pick<
  Platform,
  'apiMajor' | 'apiMinor' | 'build' | 'tcb' | 'cpuid' | 'announces' | 'reportVersion' | 'mitigations'
>;

/** What all chips of a product line have in common. */
interface ProductTraits {
  tcbLayout: TcbLayoutName;
  /** How many bytes of CHIP_ID are the chip's; the rest is zero. */
  chipIdBytes: number;
  /** productName of its VCEK certificates. */
  vcekName: string;
}

/** Source: AMD 56860, TCB_VERSION and CHIP_ID; real VCEK certificates. */
export const PRODUCT_TRAITS: Readonly<Record<ProductName, ProductTraits>> = {
  Milan: { tcbLayout: 'family19', chipIdBytes: 64, vcekName: 'Milan-B0' },
  Genoa: { tcbLayout: 'family19', chipIdBytes: 64, vcekName: 'Genoa' },
  Turin: { tcbLayout: 'family1a', chipIdBytes: 8, vcekName: 'Turin' },
};

/**
 * One machine of each product line, with a firmware and TCB as real reports of it show them. Which policy bits beyond bit 20
 * a firmware announces is per platform and build: what stands here is a choice, and hosts.json may make another.
 */
const PRODUCTS: Readonly<Record<ProductName, Product>> = {
  Milan: {
    ...{ apiMajor: 1, apiMinor: 55, build: 29 },
    tcb: 0xdb17_0000_0000_0004n,
    cpuid: { family: 0x19, model: 0x01, stepping: 0x1 },
    ...{ reportVersion: 3, mitigations: 0n },
    announces: [],
  },
  Genoa: {
    ...{ apiMajor: 1, apiMinor: 55, build: 39 },
    tcb: 0x4817_0000_0000_0009n,
    cpuid: { family: 0x19, model: 0x11, stepping: 0x1 },
    ...{ reportVersion: 3, mitigations: 0x1n },
    announces: ['CXL_ALLOW', 'MEM_AES_256_XTS', 'RAPL_DIS'],
  },
  Turin: {
    ...{ apiMajor: 1, apiMinor: 58, build: 3 },
    tcb: 0x5200_0000_0401_0101n,
    cpuid: { family: 0x1a, model: 0x02, stepping: 0x1 },
    ...{ reportVersion: 5, mitigations: 0x3fn },
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
  /** Components of REPORTED_TCB that SNP_CONFIG set; the others are as they run. */
  reportedTcb?: { readonly [C in TcbComponent]?: number | undefined } | undefined;
  reportVersion?: ReportVersion | undefined;
  chipIdMasked?: boolean | undefined;
  chipKeyMasked?: boolean | undefined;
  /** The provider whose VLEK is loaded; absent: none is. */
  vlek?: { cspId: string } | undefined;
}

/** The product line of an emulated host that names none. */
export const DEFAULT_PRODUCT: ProductName = 'Genoa';

/** An emulated platform; its chip has no identity yet. */
export function makePlatform(options: PlatformOptions = {}): Omit<Platform, 'chipId'> {
  const product = options.product ?? DEFAULT_PRODUCT;
  const base = PRODUCTS[product];
  const { tcbLayout } = PRODUCT_TRAITS[product];
  const lowered = Object.fromEntries(
    Object.entries(options.reportedTcb ?? {}).filter(([, level]) => level !== undefined),
  );
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
    reportedTcb: joinTcb({ ...splitTcb(base.tcb, tcbLayout), ...lowered }, tcbLayout),
    reportVersion: options.reportVersion ?? base.reportVersion,
    chipIdMasked: options.chipIdMasked ?? false,
    chipKeyMasked: options.chipKeyMasked ?? false,
    vlekLoaded: options.vlek !== undefined,
  };
}
