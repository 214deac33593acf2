import { announced, cellGroups, expect, test } from '../lib/index.ts';

test.describe.configure({ mode: 'parallel' });

for (const group of cellGroups()) {
  test.describe(group.title, () => {
    test.describe.configure({ mode: group.mode });
    for (const hosted of group.cells) {
      test(hosted.cell.id, announced(hosted), async ({ launch }) => {
        const outcome = await launch(hosted.cell);
        expect(outcome).toConform();
      });
    }
  });
}
