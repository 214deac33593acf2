import { cellGroups, expect, hostTag, test } from '../lib/index.ts';

test.describe.configure({ mode: 'parallel' });

for (const group of cellGroups()) {
  test.describe(group.title, () => {
    test.describe.configure({ mode: group.mode });
    for (const { cell, hosts } of group.cells) {
      test(cell.id, { tag: hosts.map(hostTag) }, async ({ launch }) => {
        const outcome = await launch(cell);
        expect(outcome).toConform();
      });
    }
  });
}
