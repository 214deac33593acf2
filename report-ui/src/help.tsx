import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly (readonly [string, string])[] = [
  ['Arrow keys', 'move in the heat map'],
  ['Enter', 'open the cell, or filter to the cells of that square'],
  ['n, p', 'next and previous cell that did not pass'],
  ['/', 'search'],
  ['t', 'dark or light'],
  ['Escape', 'close the cell'],
  ['?', 'this list'],
];

/** The keys of the page. */
export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" onClose={onClose} aria-labelledby="help-title">
      <h2 id="help-title">Keys</h2>
      <dl>
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p>The address of this page always leads back to what is shown: copy it to show somebody else.</p>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
