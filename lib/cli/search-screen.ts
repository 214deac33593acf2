import type { SearchProgress } from '../explain/search.ts';

/** Nothing is shown of a search that is over sooner. */
const QUIET_SECONDS = 2;
const TERMINAL_SECONDS = 0.2;
const LOG_SECONDS = 5;

/** Where the progress of a search goes. */
export interface ScreenStream {
  write(text: string): unknown;
  isTTY?: boolean;
}

/** What is said once, when two changes at once are being searched: who waits may rather fetch what is missing. */
const NOTHING_SO_FAR =
  'no usual change alone gives this digest, and no other file at hand: several at once are searched.\n' +
  'If the host may have launched a firmware, kernel or initrd that is not here, give a copy of it with --artifacts DIR.\n';

/** Shows how far a search is: one line rewritten on a terminal, now and then a line in a log. */
export class SearchScreen {
  readonly #stream: ScreenStream;
  #shownAt = QUIET_SECONDS - LOG_SECONDS;
  #open = false;
  #told = false;
  #tried = 0;

  constructor(stream: ScreenStream) {
    this.#stream = stream;
  }

  show({ tried, total, changes, seconds }: SearchProgress): void {
    this.#tried = tried;
    const every = this.#stream.isTTY === true ? TERMINAL_SECONDS : LOG_SECONDS;
    if (seconds < QUIET_SECONDS) return;
    if (changes > 1 && !this.#told) {
      this.end();
      this.#stream.write(NOTHING_SO_FAR);
      this.#told = true;
    }
    if (seconds - this.#shownAt < every) return;
    this.#shownAt = seconds;
    const share = Math.floor((100 * tried) / total);
    const rate = Math.round(tried / seconds / 1000);
    const line = `searching ${changes === 1 ? 'single changes' : `${changes} changes at once`}: ${tried} hypotheses, ${share} % of all, ${rate} thousand a second`;
    if (this.#stream.isTTY === true) {
      this.#open = true;
      this.#stream.write(`\r\u001b[K${line}`);
    } else this.#stream.write(`${line}\n`);
  }

  /** Says what was tried of a search that the user ended; what it found is not told before it is known to be all. */
  interrupted(): void {
    this.end();
    const tried = this.#tried === 0 ? '' : ` after ${this.#tried} hypotheses`;
    this.#stream.write(`snp-conform: interrupted${tried}: the search was not finished\n`);
  }

  /** Leaves no unfinished line. */
  end(): void {
    if (this.#open) this.#stream.write('\r\u001b[K');
    this.#open = false;
  }
}
