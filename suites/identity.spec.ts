import {
  announced,
  expect,
  hostTag,
  launchName,
  P256_CLAIM,
  scenarioGroups,
  signWithP256Key,
  test,
} from '../lib/index.ts';

for (const group of scenarioGroups('identity')) {
  test.describe(group.title, () => {
    test.describe.configure({ mode: 'parallel' });
    for (const hosted of group.scenarios) {
      const { cell, scenario } = hosted;
      test(launchName(cell.id, scenario.name), announced(hosted), async ({ launch }) => {
        const outcome = await launch(cell, scenario);
        expect(outcome).toConform();
      });
    }
    if (group.recorded) return;
    // Refused here, before anything is launched: nothing of it is ever recorded.
    test(launchName(group.cell.id, P256_CLAIM), { tag: group.hosts.map(hostTag) }, () => {
      expect(signWithP256Key).toThrow(/KEY_INVALID: .*secp384r1.*, got ec prime256v1/);
    });
  });
}
