import { skippedLines } from '../../lib/reporters/skipped-lines.ts';
import { expect, test } from '../support/test.ts';

const skip = (message: string) => ({ result: 'skip' as const, message });
const pass = { result: 'pass' as const, message: '' };

test('each reason is told once with the number of its cells; escapes and further lines are not', () => {
  const rows = [pass, skip('host a: no SNP'), skip('host b: \u001b[31mold\nmore'), skip('host b: \u001b[31mold')];
  expect(skippedLines(rows)).toEqual(['2 skipped: host b: old', '1 skipped: host a: no SNP']);
  expect(skippedLines([pass])).toEqual([]);
});

test('a run of nothing but skips says that nothing was judged', () => {
  expect(skippedLines([skip('no such QEMU')])).toEqual([
    '1 skipped: no such QEMU',
    'nothing was judged: every cell is skipped',
  ]);
});

test('of many reasons the most usual are told', () => {
  const lines = skippedLines(Array.from({ length: 20 }, (_, at) => skip(`reason ${at}`)));
  expect(lines).toHaveLength(8);
  expect(lines[6]).toBe('14 skipped for other reasons');
});
