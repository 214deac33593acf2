import type { RecordedRow } from './results.ts';

/** What is taken out of texts, and what stands there instead. */
interface Rule {
  name: string;
  pattern: RegExp;
  replacement: string;
}

/** Secrets, and who and where people are. No check of the evidence looks at any of it. */
const RULES: readonly Rule[] = [
  {
    name: 'private key',
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    replacement: '[private key]',
  },
  {
    name: 'token',
    pattern:
      /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})/g,
    replacement: '[token]',
  },
  {
    name: 'password',
    pattern: /\b(pass(?:word|wd|phrase)?|secret|api[_-]?key|token)(\s*[=:]\s*)(?!\[)[^\s,;'"]+/gi,
    replacement: '$1$2[password]',
  },
  { name: 'user', pattern: /(\/(?:home|Users)\/)(?!user\b)[^/\s:,'"]+/g, replacement: '$1user' },
  { name: 'login', pattern: /\b[a-z_][\w.-]*@(?=[a-z0-9][\w-]*\.[\w.-]*[a-z])/gi, replacement: 'user@' },
  {
    name: 'address',
    // Not loopback, not versions: four numbers that stand alone.
    pattern:
      /(?<![\w.+:-])(?!127\.|0\.0\.0\.0)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.+-])/g,
    replacement: '[address]',
  },
  {
    name: 'hardware address',
    pattern: /\b(?!52:54:00)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi,
    replacement: '[hardware address]',
  },
];

/** Takes secrets out of the rows of one recording, and gives hosts other names where that is asked for. */
export class Redaction {
  readonly #counts = new Map<string, number>();
  readonly #hosts: Map<string, string> | undefined;
  readonly #noLogs: boolean;

  /** @param options.hosts names of hosts become host-1, host-2, ...   @param options.logs drop: consoles and standard errors */
  constructor(options: { hosts?: 'rename'; logs?: 'drop' } = {}) {
    this.#hosts = options.hosts === 'rename' ? new Map() : undefined;
    this.#noLogs = options.logs === 'drop';
  }

  /** How often each rule found something. */
  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort());
  }

  #count(name: string, by: number): void {
    if (by > 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  #text(text: string): string {
    let clean = text;
    for (const { name, pattern, replacement } of RULES) {
      const found = clean.match(pattern)?.length ?? 0;
      if (found === 0) continue;
      this.#count(name, found);
      clean = clean.replace(pattern, replacement);
    }
    return clean;
  }

  #value(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (Array.isArray(value)) return value.map((item) => this.#value(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, this.#value(field)]));
  }

  #host(name: string): string {
    if (this.#hosts === undefined) return name;
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const fresh = `host-${this.#hosts.size + 1}`;
    this.#hosts.set(name, fresh);
    this.#count('host name', 1);
    return fresh;
  }

  /** A row without what the rules name. What checks look at is left as it is: a redacted recording judges as before. */
  row(row: RecordedRow): RecordedRow {
    const host = this.#host(row.host);
    const said = (text: string): string => (host === row.host ? text : text.replaceAll(row.host, host));
    const message = said(this.#text(row.message));
    if (row.evidence === null) return { ...row, host, message };
    const { evidence } = row;
    const { sent, outcome, attestation } = evidence;
    const logs = this.#noLogs
      ? { console: '', stderr: '' }
      : { console: said(this.#text(outcome.console)), stderr: said(this.#text(outcome.stderr)) };
    if (this.#noLogs) this.#count('log', Number(outcome.console !== '') + Number(outcome.stderr !== ''));
    const provenance = this.#value({ ...evidence.host, name: host }) as typeof evidence.host;
    return {
      ...row,
      host,
      message,
      evidence: {
        ...evidence,
        host: provenance,
        ...(attestation && {
          attestation: { ...attestation, trouble: this.#value(attestation.trouble) as typeof attestation.trouble },
        }),
        sent: { ...sent, argv: sent.argv.map((word) => this.#text(word)) },
        ...(evidence.probes && { probes: this.#value(evidence.probes) as NonNullable<typeof evidence.probes> }),
        outcome: {
          ...outcome,
          ...logs,
          ...(outcome.guest && { guest: this.#value(outcome.guest) as NonNullable<typeof outcome.guest> }),
          qmpEvents: this.#value(outcome.qmpEvents) as typeof outcome.qmpEvents,
          querySev: this.#value(outcome.querySev),
        },
      },
      judged: row.judged && (this.#value(row.judged) as NonNullable<typeof row.judged>),
    };
  }
}
