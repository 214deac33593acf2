import { adviceText, type Explanation } from './explanation.ts';
import { featureOptions } from './features.ts';
import { profileOptions } from './host-options.ts';
import { baseState, type KnownLaunch } from './launch-state.ts';

/**
 * What a host most often measures otherwise and no command line shows: features that its kernel turns on, and FPU state.
 * For those who do not know what was measured. They are hints: nothing says that it is so.
 */
export function hostHints(known: KnownLaunch): Explanation[] {
  const base = baseState(known);
  return [...featureOptions(base), ...profileOptions(base)]
    .filter(({ likelihood, set }) => likelihood === 'top' && set.features !== base.features)
    .map(({ change, cause }) => ({
      changes: [change],
      kind: 'hint',
      cause,
      advice: adviceText([{ change, cause }], 'possible'),
    }));
}
