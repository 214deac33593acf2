import { CPUID_FUNCTION, CPUID_PAGE_ENTRIES_MAX, CPUID_PAGE_HEADER, type CpuidFunction } from '../abi/cpuid-page.ts';
import { parseLayout, reservedViolations, serialiseLayout, sizeOf } from '../abi/layout.ts';
import type { Platform } from './platform.ts';
import { featureWord } from './processor.ts';

const HEADER_BYTES = sizeOf(CPUID_PAGE_HEADER);
const ENTRY_BYTES = sizeOf(CPUID_FUNCTION);
const REGISTERS = ['eax', 'ebx', 'ecx', 'edx'] as const;
const XSAVE_LEAF = 0xd;
/** XCR0 with the x87 state alone, and the bytes of its XSAVE area: legacy region and header. */
const X87_ONLY = { xcr0: 1n, bytes: 0x240 };

/** An entry as the firmware would accept it: no feature that the processor lacks, XSAVE sizes as XCR0_IN and XSS_IN say. */
function corrected(entry: CpuidFunction, platform: Platform): CpuidFunction {
  const allowed = { ...entry };
  for (const register of REGISTERS) {
    const word = featureWord(platform, { leaf: entry.eaxIn, subleaf: entry.ecxIn, register });
    if (word !== undefined) allowed[register] = (entry[register] & word) >>> 0;
  }
  const sized = entry.eaxIn === XSAVE_LEAF && entry.ecxIn <= 1;
  if (sized && entry.xcr0In === X87_ONLY.xcr0 && entry.xssIn === 0n) allowed.ebx = X87_ONLY.bytes;
  return allowed;
}

/**
 * Looks through a CPUID page as the firmware does. Which bits it holds against which processor AMD documents per product;
 * here it is the feature words of the processor, of which a guest may have fewer and not more.
 * @param page 4096 bytes
 * @returns the page as it would be accepted; undefined where it is accepted as it stands
 * Source: AMD 56860, SNP_LAUNCH_UPDATE, CPUID page
 */
export function correctedCpuidPage(page: Uint8Array, platform: Platform): Uint8Array | undefined {
  const header = page.subarray(0, HEADER_BYTES);
  const { count } = parseLayout(CPUID_PAGE_HEADER, header, 'CPUID page', { reserved: 'keep' });
  const result = Uint8Array.from(page);
  if (count > CPUID_PAGE_ENTRIES_MAX || reservedViolations(CPUID_PAGE_HEADER, header).length > 0) {
    result.set(serialiseLayout(CPUID_PAGE_HEADER, { count: Math.min(count, CPUID_PAGE_ENTRIES_MAX) }, 'CPUID page'));
    return result;
  }
  for (let index = 0; index < count; index += 1) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const entry = parseLayout(CPUID_FUNCTION, page.subarray(at, at + ENTRY_BYTES), 'CPUID_FUNCTION', {
      reserved: 'keep',
    });
    result.set(serialiseLayout(CPUID_FUNCTION, corrected(entry, platform), 'CPUID_FUNCTION'), at);
  }
  return Buffer.compare(result, page) === 0 ? undefined : result;
}
