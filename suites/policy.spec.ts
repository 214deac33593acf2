import { expect, hostTag, launchName, scenarioGroups, test } from '../lib/index.ts';

for (const group of scenarioGroups('policy')) {
  test.describe(group.title, () => {
    test.describe.configure({ mode: 'parallel' });
    for (const { cell, scenario, hosts } of group.scenarios) {
      test(launchName(cell.id, scenario.name), { tag: hosts.map(hostTag) }, async ({ launch }) => {
        const outcome = await launch(cell, scenario);
        expect(outcome).toConform();
      });
    }
  });
}
