/** A product line of EPYC processors that has SEV-SNP. */
interface ProductLine {
  name: string;
  family: number;
  /** First and last model. */
  models: readonly (readonly [number, number])[];
}

/** Source: AMD 56860, CPUID_FAM_ID and CPUID_MOD_ID of the report; AMD's processor programming references. */
const PRODUCT_LINES: readonly ProductLine[] = [
  { name: 'Milan', family: 0x19, models: [[0x00, 0x0f]] },
  { name: 'Genoa', family: 0x19, models: [[0x10, 0x1f]] },
  { name: 'Bergamo or Siena', family: 0x19, models: [[0xa0, 0xaf]] },
  { name: 'Turin', family: 0x1a, models: [[0x00, 0x11]] },
  {
    name: 'Venice',
    family: 0x1a,
    models: [
      [0x50, 0x57],
      [0x90, 0x9f],
      [0xa0, 0xaf],
      [0xc0, 0xc7],
    ],
  },
];

/** The product line of a processor; undefined for one without SEV-SNP. @param family and model combined, as CPUID 1 gives them */
export function productLineOf(family: number, model: number): string | undefined {
  return PRODUCT_LINES.find(
    (line) => line.family === family && line.models.some(([first, last]) => model >= first && model <= last),
  )?.name;
}
