import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KdsEdge } from '../../lib/kds/http.ts';

/** How the server answers one request; `undefined`: it accepts the request and then says nothing. */
export type Answer = { status?: number; headers?: Record<string, string>; body?: Uint8Array | string } | undefined;

/** A key distribution service on this machine, which answers as a test says and keeps what it was asked. */
export class FakeKds {
  readonly asked: string[] = [];
  /** The most requests that were being answered at the same time. */
  mostAtOnce = 0;
  /** Answers by path and query; else `otherwise`. */
  readonly routes = new Map<string, (() => Answer | Promise<Answer>) | Answer>();
  otherwise: Answer = { status: 404 };
  readonly #server: Server;
  #now = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.asked.push(path);
    this.#now += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#now);
    response.on('close', () => {
      this.#now -= 1;
    });
    const route = this.routes.has(path) ? this.routes.get(path) : this.otherwise;
    const answer = typeof route === 'function' ? await route() : route;
    if (answer === undefined) return;
    response.writeHead(answer.status ?? 200, answer.headers);
    response.end(answer.body ?? '');
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** An edge whose clock stands still until it sleeps, which takes no time; it keeps pauses and notes. */
export class FakeEdge implements KdsEdge {
  readonly pauses: number[] = [];
  readonly notes: string[] = [];
  at: Date;

  constructor(at: Date) {
    this.at = at;
  }

  readonly now = (): Date => this.at;
  readonly note = (text: string): void => {
    this.notes.push(text);
  };
  readonly sleep = async (ms: number): Promise<void> => {
    this.pauses.push(ms);
    this.at = new Date(this.at.getTime() + ms);
    // The others on this machine need their turn; without real time ten minutes pass before one answer is there.
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
}
