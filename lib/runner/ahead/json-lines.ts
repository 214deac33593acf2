import type { Socket } from 'node:net';
import type { z } from 'zod';
import { LineSplitter } from '../../lines.ts';
import { MAX_LINE_BYTES } from './messages.ts';

/** Is a line JSON of this shape? @returns undefined: it is not */
function parsed<S extends z.ZodType>(schema: S, line: string): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Reads lines of JSON from a socket. One that is no such line, or longer than any is, ends the connection. */
export function onJsonLines<S extends z.ZodType>(
  socket: Socket,
  schema: S,
  onValue: (value: z.output<S>) => void,
): void {
  const refuse = (): void => void socket.destroy();
  const splitter = new LineSplitter(MAX_LINE_BYTES, {
    onLine: (line) => {
      const value = parsed(schema, line);
      if (value === undefined) refuse();
      else onValue(value);
    },
    onExcess: refuse,
  });
  socket.on('data', (chunk) => splitter.push(chunk));
}

/** Writes a value as a line of JSON, where somebody still reads. */
export function writeJsonLine(socket: Socket, value: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}
