import { createHash } from 'node:crypto';
import { pageHtml } from '../../../lib/reporters/page/html.ts';
import { expect, test } from '../../support/test.ts';

const ASSETS = { script: 'console.log("<\\/script>")', style: 'body { margin: 0 }' };
const html = [...pageHtml({ index: 'QQ==', chunks: [['Qg==', 'Qw==']] }, ASSETS)].join('');

test('the policy of the page allows its own script and style by their hashes, and nothing else', () => {
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
  const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    `script-src ${hashOf(ASSETS.script)}`,
    `style-src ${hashOf(ASSETS.style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});

test('the document names nothing outside of itself, and no handler or style stands in an attribute', () => {
  const markup = html.replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/g, '<$1>');
  expect(markup).not.toMatch(/\son\w+=|\sstyle=|javascript:|https?:/i);
  expect(markup.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="data:,"']);
});
