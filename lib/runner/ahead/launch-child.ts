import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  ALIVE,
  type Announced,
  type Answer,
  type FromLaunchProcess,
  type Question,
  type ToLaunchProcess,
} from './messages.ts';

/** How long a process may take to end its launches. */
const END_MS = 30_000;

export interface LaunchChildOptions {
  readonly silenceMs: number;
  readonly onAnswer: (answer: Answer) => void;
}

/** A process that launches ahead of tests, as the runner has it: it is told what to launch, and ended when it hangs. */
export class LaunchChild {
  readonly hosts: readonly string[];
  /** How it ended, in words, after the last thing that it said. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #silenceMs: number;
  #waiting = 0;
  #silence: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(program: URL, hosts: readonly string[], { silenceMs, onAnswer }: LaunchChildOptions) {
    this.hosts = hosts;
    this.#silenceMs = silenceMs;
    this.#child = fork(fileURLToPath(program), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: FromLaunchProcess) => {
      if (message !== ALIVE) onAnswer(message);
      this.#listen();
    });
    this.ended = this.#end();
  }

  #end(): Promise<string> {
    const child = this.#child;
    return new Promise((resolve) => {
      const end = (how: string): void => {
        clearTimeout(this.#silence);
        this.#waiting = 0;
        resolve(how);
      };
      // One that could not be started has no exit; what it said last may arrive after its exit.
      child.once('error', ({ message }) => end(message));
      child.once('exit', (code, signal) => {
        const how = signal ?? `exit code ${code}`;
        if (child.connected) child.once('disconnect', () => end(how));
        else end(how);
      });
    });
  }

  get isConnected(): boolean {
    return this.#child.connected;
  }

  /** Was it told to end? */
  get isStopped(): boolean {
    return this.#stopped;
  }

  #send(message: ToLaunchProcess): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  launch(announced: Announced): void {
    this.#send({ kind: 'launch', announced });
  }

  /** A test waits for a launch. @returns to be called when it waits no longer */
  ask(question: Question): () => void {
    this.#send({ kind: 'asked', ...question });
    this.#waiting += 1;
    if (this.#waiting === 1) this.#listen();
    return () => {
      this.#waiting = Math.max(0, this.#waiting - 1);
      if (this.#waiting === 0) clearTimeout(this.#silence);
    };
  }

  /** It says every now and then that it lives: one that somebody waits for and that says nothing hangs, or was stopped. */
  #listen(): void {
    clearTimeout(this.#silence);
    if (this.#waiting > 0) this.#silence = setTimeout(() => this.#child.kill('SIGKILL'), this.#silenceMs);
  }

  /** Ends its launches and itself, with force where it takes long. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#send({ kind: 'stop' });
    const late = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    void this.ended.then(() => clearTimeout(late));
  }
}
