import { createHash } from 'node:crypto';
import type { PageData } from './builder.ts';

/** What is built from report-ui/. */
export interface PageAssets {
  script: string;
  style: string;
}

const TITLE = 'snp-conform: results';

/** Content-Security-Policy's name of an inline script or style. Source: W3C CSP3, 2.3.1, hash-source. */
const hashSource = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing but this script and this style: not from elsewhere, not from an attribute, and no request to anywhere. */
function policy({ script, style }: PageAssets): string {
  return [
    "default-src 'none'",
    `script-src ${hashSource(script)}`,
    `style-src ${hashSource(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** A block that no browser runs; base64 needs no escaping. */
const block = (id: string, base64: string): string =>
  `<script type="application/octet-stream" id="${id}">${base64}</script>`;

/**
 * The page as one document that needs nothing else. All that comes from a run is in base64; the rest is text of this
 * package.
 */
export function* pageHtml(data: PageData, assets: PageAssets): Generator<string> {
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(assets)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${TITLE}</title>
<link rel="icon" href="data:,">
<style>${assets.style}</style>
</head>
<body>
<div id="app"><p>Reading the results…</p></div>
<noscript>This page draws its results with a script that it contains; it needs no network.</noscript>
`;
  yield `${block('index', data.index)}\n`;
  for (const [stream, chunks] of data.chunks.entries()) {
    for (const [number, chunk] of chunks.entries()) yield `${block(`chunk-${stream}-${number}`, chunk)}\n`;
  }
  yield `<script>${assets.script}</script>\n</body>\n</html>\n`;
}
