/** A digest in the orders in which its bytes get turned round. */
export function reorderings(digest: Uint8Array): { what: string; bytes: Uint8Array }[] {
  const words = (size: number): Uint8Array => {
    const copy = new Uint8Array(digest.length);
    for (let at = 0; at < digest.length; at += size) copy.set([...digest.subarray(at, at + size)].reverse(), at);
    return copy;
  };
  return [
    { what: 'its bytes in reverse order', bytes: new Uint8Array([...digest].reverse()) },
    { what: 'each 8 bytes in reverse order', bytes: words(8) },
    { what: 'each 4 bytes in reverse order', bytes: words(4) },
  ];
}
