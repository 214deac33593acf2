/** Is this a long run of the tests, that asks chance as often as it can? */
const SOAKING = process.env.SNP_CONFORM_SOAK === '1';

/**
 * How often a test tries what comes by chance: the first number in every run, the second where SNP_CONFORM_SOAK=1 asks
 * for it. What is counted here is repetition; a claim that one try in a thousand would break belongs into a test of its own.
 */
export function tries(usual: number, soaking: number): number {
  return SOAKING ? soaking : usual;
}
