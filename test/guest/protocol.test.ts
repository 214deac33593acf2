import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  encodeFrame,
  FRAME_TYPES,
  type Frame,
  FrameDecoder,
  type FrameType,
  parseReady,
} from '../../lib/guest/protocol.ts';
import { PROTOCOL_SHELL_FUNCTIONS } from '../../lib/guest/protocol-shell.ts';
import { expect, test } from '../support/test.ts';

const frameArbitrary: fc.Arbitrary<Frame> = fc
  .constantFrom(...(Object.keys(FRAME_TYPES) as FrameType[]))
  .chain((type) =>
    fc.record({
      type: fc.constant(type),
      sequence: fc.nat(999_999_999),
      payload: fc.uint8Array({ minLength: FRAME_TYPES[type].least, maxLength: FRAME_TYPES[type].most }),
    }),
  );

/** Words of a kernel, broken or whole, that hold no frame. */
const noiseArbitrary = fc
  .oneof(
    fc.string(),
    fc.constantFrom('[    0.000000] Linux version 6.12', 'snp1 ready', '@snp2 ready 0 0 - 00', '@snp', '\r', 'login: '),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  )
  .map((text) => text.replaceAll('\n', ' ').replaceAll('@snp1 ', ''));

function framesOf(decoder: FrameDecoder, bytes: Uint8Array): Frame[] {
  return decoder.push(bytes).flatMap((found) => (found.kind === 'frame' ? [found.frame] : []));
}

function reportFrame(sequence = 1): Frame {
  return { type: 'report', sequence, payload: Uint8Array.from({ length: 1184 }, (_, at) => at % 251) };
}

test('writes the frame that its documentation describes', () => {
  // Checksum: printf '%s' 'off 3 -' | sha256sum
  expect(encodeFrame({ type: 'off', sequence: 3, payload: new Uint8Array() })).toBe(
    '@snp1 off 3 0 - 0b0756076521da0d\n',
  );
  expect(encodeFrame({ type: 'error', sequence: 0, payload: Uint8Array.of(0x6e, 0x6f) })).toMatch(
    /^@snp1 error 0 2 bm8= [0-9a-f]{16}\n$/,
  );
});

test('reads back every frame, in whatever pieces it comes', () => {
  fc.assert(
    fc.property(fc.array(frameArbitrary, { maxLength: 4 }), fc.integer({ min: 1, max: 700 }), (frames, step) => {
      const decoder = new FrameDecoder();
      const bytes = Buffer.from(frames.map(encodeFrame).join(''));
      const got: Frame[] = [];
      for (let at = 0; at < bytes.length; at += step) got.push(...framesOf(decoder, bytes.subarray(at, at + step)));
      expect(got).toEqual(frames);
      expect(decoder.noiseLines).toBe(0);
    }),
  );
});

test('noise between frames, and before one on its line, never breaks a frame', () => {
  const part = fc.tuple(fc.array(noiseArbitrary, { maxLength: 3 }), noiseArbitrary, frameArbitrary);
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const text = parts.map(([lines, before, frame]) => {
        const noise = lines.map((line) => `${line}\n`).join('');
        return `${noise}${before}${encodeFrame(frame).replace('\n', '\r\n')}`;
      });
      const got = framesOf(new FrameDecoder(), Buffer.from(text.join('')));
      expect(got).toEqual(parts.map(([, , frame]) => frame));
    }),
  );
});

test('counts the lines that are noise, blank ones apart', () => {
  const decoder = new FrameDecoder();
  expect(decoder.push(Buffer.from('[ 0.1] booting\r\n\r\n\nlogin:\n'))).toEqual([]);
  expect(decoder.noiseLines).toBe(2);
});

test('one changed character never yields a wrong payload', () => {
  fc.assert(
    fc.property(frameArbitrary, fc.nat(), fc.integer({ min: 0, max: 255 }), (frame, place, byte) => {
      const bytes = Buffer.from(encodeFrame(frame));
      const at = place % bytes.length;
      fc.pre(bytes[at] !== byte);
      bytes[at] = byte;
      for (const got of framesOf(new FrameDecoder(), Buffer.concat([bytes, Buffer.from('\n')]))) {
        expect(got).toEqual(frame);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a changed character inside the frame is reported, not passed over', () => {
  const line = encodeFrame(reportFrame());
  for (const at of [7, 14, 16, 100, line.length - 2]) {
    const changed = `${line.slice(0, at)}${line[at] === 'x' ? 'y' : 'x'}${line.slice(at + 1)}`;
    const [found, ...rest] = new FrameDecoder().push(Buffer.from(changed));
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ kind: 'error', error: { code: 'GUEST_PROTOCOL' } });
  }
});

test('a frame that is cut short anywhere yields no frame', () => {
  const line = encodeFrame({ type: 'nonce', sequence: 7, payload: new Uint8Array(64).fill(5) });
  for (let length = 0; length < line.length - 1; length += 1) {
    expect(framesOf(new FrameDecoder(), Buffer.from(`${line.slice(0, length)}\n`))).toEqual([]);
  }
});

test('a frame that is cut off by the next one does not harm that one', () => {
  const line = encodeFrame(reportFrame());
  const got = framesOf(new FrameDecoder(), Buffer.from(`${line.slice(0, 500)}${line}`));
  expect(got).toEqual([reportFrame()]);
});

function withSum(body: string): string {
  const [type, sequence, , text] = body.split(' ');
  const sum = execFileSync('sha256sum', { input: `${type} ${sequence} ${text}`, encoding: 'utf8' }).slice(0, 16);
  return `@snp1 ${body} ${sum}\n`;
}

const wrong: [string, string, string][] = [
  ['an unknown type', 'hello 0 0 -', 'unknown type'],
  ['a type of every object', 'constructor 0 0 -', 'unknown type'],
  ['a wrong length', 'off 0 1 -', 'says 1 bytes and has 0'],
  ['a report that is a byte short', `report 0 1183 ${Buffer.alloc(1183).toString('base64')}`, 'expected 1184'],
  ['a nonce that is too long', `nonce 0 65 ${Buffer.alloc(65).toString('base64')}`, 'expected 64'],
  ['base64 with stray bits', 'error 0 1 Yf==', 'no base64'],
  ['base64 without its padding', 'error 0 1 YQ', 'no base64'],
  ['a sequence with leading zeros', 'off 00 0 -', 'malformed'],
  ['a negative sequence', 'off -1 0 -', 'malformed'],
  ['two spaces', 'off 0  0 -', 'malformed'],
];
for (const [what, body, says] of wrong) {
  test(`refuses ${what} even under a right checksum`, () => {
    const [found] = new FrameDecoder().push(Buffer.from(withSum(body)));
    expect(found).toMatchObject({
      kind: 'error',
      error: { code: 'GUEST_PROTOCOL', what: expect.stringContaining(says) },
    });
  });
}

test('a line without end takes no memory and does not hide the frame after it', () => {
  const decoder = new FrameDecoder();
  const chunk = Buffer.alloc(64 * 1024, 0x41);
  for (let count = 0; count < 200; count += 1) expect(decoder.push(chunk)).toEqual([]);
  expect(decoder.noiseLines).toBe(1);
  expect(framesOf(decoder, Buffer.from(`\n${encodeFrame(reportFrame())}`))).toEqual([reportFrame()]);
});

test('refuses to write what does not fit', () => {
  expect(() => encodeFrame({ type: 'nonce', sequence: 0, payload: new Uint8Array(63) })).toThrow('GUEST_PROTOCOL');
  expect(() => encodeFrame({ type: 'off', sequence: -1, payload: new Uint8Array() })).toThrow('GUEST_PROTOCOL');
});

test('reads what a guest says of itself, and refuses what is not that', () => {
  const ready = { agent: '1', kernel: '6.12.0', more: true };
  expect(parseReady(Buffer.from(JSON.stringify(ready)))).toEqual({ agent: '1', kernel: '6.12.0' });
  for (const text of ['', '{}', '[', '{"agent":1}']) {
    expect(() => parseReady(Buffer.from(text))).toThrow('GUEST_PROTOCOL');
  }
});

const shells: [string, string[]][] = [
  ['sh', ['sh']],
  ['busybox', ['busybox', 'sh']],
];
for (const [name, [program = '', ...args]] of shells) {
  const installed = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
  test.describe(`the guest's side in ${name}`, () => {
    test.skip(!installed, `${name} is not installed`);

    let directory: string;
    test.beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'snp-frame-'));
    });
    test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

    function shell(script: string, input = ''): string {
      const text = `${PROTOCOL_SHELL_FUNCTIONS}\n${script}`;
      return execFileSync(program, [...args, '-c', text], { cwd: directory, input, encoding: 'utf8' });
    }

    test('sends frames that the decoder takes', () => {
      const { payload } = reportFrame();
      writeFileSync(join(directory, 'report'), payload);
      writeFileSync(join(directory, 'empty'), '');
      const text = shell('echo noise; snp_send report 4 report; snp_send off 5 empty');
      expect(framesOf(new FrameDecoder(), Buffer.from(text))).toEqual([
        { type: 'report', sequence: 4, payload },
        { type: 'off', sequence: 5, payload: new Uint8Array() },
      ]);
    });

    test('receives the first whole nonce and passes over everything else', () => {
      const payload = Uint8Array.from({ length: 64 }, (_, at) => at * 3);
      const line = encodeFrame({ type: 'nonce', sequence: 0, payload });
      const broken = line.replace('A', 'B');
      const input = `hello\n\n${broken}${encodeFrame(reportFrame())}${line.replace('\n', '\r\n')}`;
      shell('snp_receive nonce got', input);
      expect(new Uint8Array(readFileSync(join(directory, 'got')))).toEqual(payload);
    });

    test('fails at the end of the input', () => {
      expect(shell('snp_receive nonce got || echo none', 'hello\n')).toBe('none\n');
    });
  });
}
