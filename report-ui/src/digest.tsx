const GROUP = 8;

function groupsOf(hex: string): string[] {
  return hex.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? [];
}

/** Long hex in groups, those that differ from another value marked. */
export function Hex({ value, other }: { value: string; other?: string | null | undefined }) {
  const others = other === null || other === undefined ? undefined : groupsOf(other);
  return (
    <code class="hex">
      {groupsOf(value).map((group, index) => {
        const differs = others !== undefined && others[index] !== group;
        return differs ? <mark key={index}>{group}</mark> : <span key={index}>{group}</span>;
      })}
    </code>
  );
}

/** The beginning of long hex, all of it where the pointer rests: enough to see which of two it is. */
export function ShortHex({ value }: { value: string }) {
  return (
    <code class="hex" title={value}>
      {groupsOf(value)
        .slice(0, 3)
        .map((group, index) => (
          <span key={index}>{group}</span>
        ))}
      <span>…</span>
    </code>
  );
}

const LONG_HEX = /^[0-9a-f]{32,}$/;

/** A value beside the one it should be: long hex in groups, other text as it is; the part that differs marked. */
export function Compared({ value, other }: { value: string | null; other: string | null }) {
  if (value === null) return <span class="absent">nothing</span>;
  if (LONG_HEX.test(value)) return <Hex value={value} other={other} />;
  if (other === null || other === value) return <code class="text">{value}</code>;
  let same = 0;
  while (same < value.length && value[same] === other[same]) same++;
  return (
    <code class="text">
      {value.slice(0, same)}
      <mark>{value.slice(same) || '(ends here)'}</mark>
    </code>
  );
}

/** Predicted and observed launch digest, one above the other. */
export function Digests({ predicted, observed, why }: { predicted: string; observed: string | null; why: string }) {
  const same = predicted === observed;
  return (
    <dl class="digests">
      <dt>predicted</dt>
      <dd>
        <Hex value={predicted} other={observed} />
      </dd>
      <dt>observed</dt>
      <dd>{observed === null ? <span class="absent">{why}</span> : <Hex value={observed} other={predicted} />}</dd>
      <dt class="visually-hidden">result</dt>
      <dd class="digests-result">
        {observed === null
          ? ''
          : same
            ? 'They are the same.'
            : 'They differ, which says nothing of where: a digest changes as a whole.'}
      </dd>
    </dl>
  );
}
