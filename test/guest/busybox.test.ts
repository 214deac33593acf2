import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_SCRIPT } from '../../lib/guest/agent-script.ts';
import { BUSYBOX_APPLETS, checkBusybox } from '../../lib/guest/busybox.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { madeElf } from './made-elf.ts';

const STATIC = join(ARTIFACTS_FOLDER, 'busybox-static', 'busybox');
const applets = (names: readonly string[]): Uint8Array => Buffer.from(['', ...names, ''].join('\0'));

test('a static busybox of a distribution is taken', () => {
  expect(() => checkBusybox(new Uint8Array(readFileSync(STATIC)), STATIC)).not.toThrow();
});

test('what cannot run alone in an initrd is refused with what to do', () => {
  const refused: readonly (readonly [Uint8Array, string])[] = [
    [Buffer.from('#!/bin/sh\n'), 'not a 64-bit ELF file'],
    [madeElf({ type: 1, tail: applets(BUSYBOX_APPLETS) }), 'not a program'],
    [madeElf({ type: 3, segments: [3], tail: applets(BUSYBOX_APPLETS) }), 'dynamically linked'],
    [madeElf({ type: 2, tail: applets(['ls', 'vi']) }), 'not a busybox'],
    [madeElf({ type: 2, tail: applets(BUSYBOX_APPLETS.filter((name) => name !== 'stty')) }), 'without stty'],
  ];
  for (const [file, what] of refused) {
    expect(() => checkBusybox(file, 'made')).toThrow(/INITRD_INVALID/);
    expect(() => checkBusybox(file, 'made')).toThrow(what);
  }
  expect(() => checkBusybox(madeElf({ type: 2, tail: applets(BUSYBOX_APPLETS) }), 'made')).not.toThrow();
});

test('the list of applets is what the agent calls, no more and no less', () => {
  const builtIn = execFileSync('busybox', ['sh', '-c', 'help'], { encoding: 'utf8' }).split(/\s+/);
  const called = execFileSync('busybox', ['--list'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /^[a-z][a-z0-9]+$/.test(name) && !builtIn.includes(name))
    .filter((name) => new RegExp(`(?:^|[|(;]|&&|\\b(?:until|do)|\\$\\()\\s*${name}(?: |$)`, 'm').test(AGENT_SCRIPT));
  // The kernel runs /init by /bin/sh.
  expect([...called, 'sh'].sort()).toEqual([...BUSYBOX_APPLETS].sort());
});
