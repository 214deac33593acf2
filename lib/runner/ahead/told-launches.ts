import type { Told } from './messages.ts';

interface Awaited {
  readonly host: string;
  readonly promise: Promise<Told | null>;
  readonly resolve: (told: Told | null) => void;
  /** Undefined: it is not known yet. */
  told?: Told | null;
}

const keyOf = (host: string, launch: string): string => JSON.stringify([host, launch]);

/** What is known of the launches that are made ahead: each is announced, told when it has ended, and taken by its test. */
export class ToldLaunches {
  readonly #awaited = new Map<string, Awaited>();

  /** A launch that two tests ask for is made ahead of the first. @returns is it a new one? */
  announce(host: string, launch: string): boolean {
    const key = keyOf(host, launch);
    if (this.#awaited.has(key)) return false;
    let resolve: Awaited['resolve'] = () => undefined;
    const promise = new Promise<Told | null>((settle) => {
      resolve = settle;
    });
    this.#awaited.set(key, { host, promise, resolve });
    return true;
  }

  #settle(awaited: Awaited | undefined, told: Told | null): void {
    if (awaited === undefined || awaited.told !== undefined) return;
    awaited.told = told;
    awaited.resolve(told);
  }

  tell(told: Told): void {
    this.#settle(this.#awaited.get(keyOf(told.host, told.launch)), told);
  }

  /** Nothing is told of this launch. */
  giveUp(host: string, launch: string): void {
    this.#settle(this.#awaited.get(keyOf(host, launch)), null);
  }

  /** Nothing more is told of the launches of these hosts. */
  giveUpAll(hosts: readonly string[]): void {
    for (const awaited of this.#awaited.values()) if (hosts.includes(awaited.host)) this.#settle(awaited, null);
  }

  /** How many launches of a host it is not known of yet what came of them. */
  underWay(host: string): number {
    let count = 0;
    for (const awaited of this.#awaited.values()) if (awaited.host === host && awaited.told === undefined) count += 1;
    return count;
  }

  /** Is it announced, and not known yet what came of it? */
  isUnderWay(host: string, launch: string): boolean {
    const awaited = this.#awaited.get(keyOf(host, launch));
    return awaited !== undefined && awaited.told === undefined;
  }

  /** What came of a launch that no test has taken; null where that is not known, or nothing did. */
  untaken(host: string, launch: string): Told | null {
    return this.#awaited.get(keyOf(host, launch))?.told ?? null;
  }

  /**
   * What came of a launch, once it has ended; null where nobody launches it ahead, where it was taken before, or given up.
   * @param isWanted is somebody still there then, who takes it? Else it stays for the next
   */
  async take(host: string, launch: string, isWanted: () => boolean): Promise<Told | null> {
    const key = keyOf(host, launch);
    const awaited = this.#awaited.get(key);
    if (awaited === undefined) return null;
    const told = await awaited.promise;
    // Of two that waited for it, the second launches by itself.
    return isWanted() && this.#awaited.delete(key) ? told : null;
  }
}
