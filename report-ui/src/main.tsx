import { render } from 'preact';
import { App } from './app.tsx';
import { readIndex, Values } from './data.ts';
import { Run } from './run.ts';
import './base.css';
import './header.css';
import './overview.css';
import './heat-map.css';
import './cell-list.css';
import './story.css';
import './story-parts.css';
import './explanation.css';
import './print.css';

const root = document.getElementById('app');
if (root === null) throw new Error('the document has no place for the page');

async function start(place: HTMLElement): Promise<void> {
  try {
    const index = await readIndex();
    document.title = `${index.title} · snp-conform`;
    place.replaceChildren();
    render(<App run={new Run(index)} values={new Values(index.chunkStarts)} />, place);
    document.documentElement.dataset.ready = 'true';
  } catch (thrown) {
    place.textContent = `The results cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

void start(root);
