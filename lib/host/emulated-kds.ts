import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerKds, type KdsKnowledge } from '../firmware/kds.ts';

/** A running emulated key distribution service. */
export interface EmulatedKds {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** What it was asked, in order: paths with their queries. */
  asked: readonly string[];
  close(): Promise<void>;
}

const INTERNAL_ERROR = 500;

/** Serves the emulated chains on loopback, at the paths of AMD's service. Whoever uses it must mean to trust them. */
export async function startEmulatedKds(knowledge: KdsKnowledge): Promise<EmulatedKds> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    asked.push(path);
    answerKds(path, knowledge).then(
      ({ status, contentType, body }) => response.writeHead(status, { 'content-type': contentType }).end(body),
      (thrown: unknown) => response.writeHead(INTERNAL_ERROR).end(String(thrown)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // It must not keep a process alive whose work is done.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
