import { runCli } from '../support/cli.ts';
import { expect, test } from '../support/test.ts';

const STORY = [
  /guest features 0x1\./,
  /SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'/,
  /why \(proof, debug-swap\): the host measured guest features 0x21 \(SNPActive\+DebugSwap\); the prediction used guest features 0x1/,
  /Corrected: guest features 0x21\./,
  /pass: \d+ checks passed/,
];

test('the founding case is told from its recording where nothing can be launched, and why is said', async () => {
  const { exitCode, stdout, stderr } = await runCli(['demo'], { PATH: '/nowhere' });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^The founding case, played back .*no qemu-system-x86_64 on the PATH/);
  const places = STORY.map((part) => stdout.search(part));
  expect(places.every((place) => place >= 0)).toBe(true);
  expect(places).toEqual([...places].sort((left, right) => left - right));
});
