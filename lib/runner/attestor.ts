import { parseLayout } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';
import type { Anchor } from '../attestation/anchors.ts';
import { type CertificateBundle, readCertificateFile } from '../attestation/certificate-file.ts';
import { parseKeyInfo } from '../attestation/report.ts';
import { HarnessError } from '../errors.ts';
import { type Attestation, CERTIFICATE_TROUBLES, type WrongCertificates } from '../evidence/attestation-schema.ts';
import type { Evidence } from '../evidence/schema.ts';
import type { EmulatedAnchor } from '../firmware/authority.ts';
import type { KdsClient } from '../kds/client.ts';
import { type Collected, collectEvidence } from '../kds/collect.ts';
import { needOf, type RefusedFor } from '../scenarios/refused-for.ts';
import type { Scenario } from '../scenarios/scenario.ts';

/** Where the certificates of a host's reports come from. */
export interface AttestorSettings {
  /** The service, asked; and what is kept of it, without asking. */
  online: KdsClient;
  offline: KdsClient;
  /** The root of an emulated host's chain; null on hardware. */
  emulatedRoot: EmulatedAnchor | null;
  /** The provider whose VLEK the host must have; null: none was named. */
  cspId: string | null;
  /** Makes certificates that are wrong on purpose, as only their issuer can; null: the issuer is AMD. */
  makeWrong: ((wrong: WrongCertificates) => Promise<Uint8Array>) | null;
  now: () => Date;
}

type Trouble = NonNullable<Attestation['trouble']>;

/** For so long a service that did not answer is not asked again: every cell of a run would wait for it anew. */
const SERVICE_DOWN_MS = 5 * 60_000;

const NOTHING: CertificateBundle = { certificates: [], crls: [] };

function troubleOf(error: unknown): Trouble {
  const code = error instanceof HarnessError ? CERTIFICATE_TROUBLES.find((known) => known === error.code) : undefined;
  if (code === undefined) throw error;
  return { code, what: (error as HarnessError).what.slice(0, 2000) };
}

/** A table that cannot be read gives nothing here; that it cannot be is for the judge to say. */
function tableOf(text: string | null | undefined): CertificateBundle {
  if (text === null || text === undefined || text === '') return NOTHING;
  try {
    return readCertificateFile(new Uint8Array(Buffer.from(text, 'base64')), 'table of the host');
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return NOTHING;
  }
}

/** Gathers what the reports of one host are verified with. */
export class Attestor {
  readonly #settings: AttestorSettings;
  #down: { trouble: Trouble; until: number } | undefined;

  constructor(settings: AttestorSettings) {
    this.#settings = settings;
  }

  /**
   * What the report of a launch is to be verified with. That the service cannot be asked is written down, not thrown.
   * @param refused under what the report must be refused, which may need certificates that are wrong; undefined: it need not
   * @param earlierReport of an earlier launch of the cell, base64; null where there was none
   */
  async attest(
    evidence: Evidence,
    { workflow, refused }: Pick<NonNullable<Scenario['attestation']>, 'workflow' | 'refused'>,
    earlierReport: string | null,
  ): Promise<Attestation> {
    const { emulatedRoot, cspId, now } = this.#settings;
    const { certificates, trouble } =
      workflow === 'extended' || evidence.outcome.report === null
        ? { certificates: [], trouble: null }
        : await this.#collect(evidence, emulatedRoot);
    const wrong = await this.#wrongFor(refused);
    const at = now().toISOString();
    return { workflow, at, certificates, trouble, emulatedRoot, cspId, earlierReport, ...(wrong && { wrong }) };
  }

  async #wrongFor(refused: RefusedFor | undefined): Promise<string | undefined> {
    const { makeWrong } = this.#settings;
    const wrong = refused === undefined ? undefined : needOf(refused).wrong;
    if (wrong === undefined || makeWrong === null) return undefined;
    return Buffer.from(await makeWrong(wrong)).toString('base64');
  }

  async #collect({ outcome }: Evidence, root: Anchor | null): Promise<Pick<Attestation, 'certificates' | 'trouble'>> {
    const report = new Uint8Array(Buffer.from(outcome.report ?? '', 'base64'));
    const { keyInfo } = parseLayout(ATTESTATION_REPORT, report, 'attestation report', { reserved: 'keep' });
    // The service hands VLEKs to providers alone: a guest has its host's.
    const wantsVlek = parseKeyInfo(keyInfo).signingKey === 'VLEK';
    const leaves = wantsVlek ? tableOf(outcome.certificates).certificates.filter(({ kind }) => kind === 'VLEK') : [];
    const given = { certificates: leaves, crls: [] };
    const { collected, trouble } = await this.#ask(report, given, root);
    const ders = [...collected.certificates, ...collected.crls].map(({ der }) => Buffer.from(der).toString('base64'));
    return { certificates: ders, trouble: trouble ?? (collected.notFound ? troubleOf(collected.notFound) : null) };
  }

  async #ask(report: Uint8Array, given: CertificateBundle, root: Anchor | null) {
    const { online, offline, now } = this.#settings;
    const options = { crl: 'fetch', now: now(), ...(root === null ? {} : { anchors: [root] }) } as const;
    const collect = (kds: KdsClient): Promise<Collected> => collectEvidence(report, given, kds, options);
    const down = this.#down !== undefined && now().getTime() < this.#down.until ? this.#down : undefined;
    if (down === undefined) {
      try {
        return { collected: await collect(online), trouble: null };
      } catch (error) {
        const trouble = troubleOf(error);
        this.#down = { trouble, until: now().getTime() + SERVICE_DOWN_MS };
      }
    }
    // What is kept may suffice; where it does not, this is why.
    return { collected: await collect(offline), trouble: this.#down?.trouble ?? null };
  }
}
