import { announced, expect, launchName, scenarioGroups, test } from '../lib/index.ts';

for (const group of scenarioGroups('policy')) {
  test.describe(group.title, () => {
    test.describe.configure({ mode: 'parallel' });
    for (const hosted of group.scenarios) {
      const { cell, scenario } = hosted;
      test(launchName(cell.id, scenario.name), announced(hosted), async ({ launch }) => {
        const outcome = await launch(cell, scenario);
        expect(outcome).toConform();
      });
    }
  });
}
