import { maskOf, splitBits } from '../abi/bits.ts';
import type { AttestationReport } from '../abi/report.ts';
import { PLATFORM_INFO_BITS } from '../abi/report-bits.ts';
import { compared, failed, notApplicable, passed } from '../finding.ts';
import { describeGuestPolicy, parseGuestPolicy } from '../identity/guest-policy.ts';
import { hexNumber, hexOf, quoted } from '../text.ts';
import { compareFirmware, firmwareOf, firmwareText } from './firmware-version.ts';
import type { ReportFinding, Subject } from './subject.ts';
import type { Wanted } from './want.ts';

/** Checks what was asked for; what was not is said to be so, with the value that is there. */
export function asked<T>(
  { unreadable }: Subject,
  wanted: T | undefined,
  observed: string,
  check: (wanted: T) => ReportFinding,
): ReportFinding {
  if (wanted === undefined) {
    return unreadable === undefined
      ? notApplicable('not asked for', null, observed)
      : notApplicable(`not asked for, and ${unreadable}`);
  }
  return unreadable === undefined ? check(wanted) : failed(unreadable);
}

type BytesField = {
  [F in keyof AttestationReport]: AttestationReport[F] extends Uint8Array ? F : never;
}[keyof AttestationReport];
type BytesWanted = {
  [W in keyof Wanted]-?: NonNullable<Wanted[W]> extends Uint8Array ? W : never;
}[keyof Wanted];

/** A check that a field of bytes is exactly what was asked for. */
export function bytesField(field: BytesField & BytesWanted, name: string): (subject: Subject) => ReportFinding {
  return (subject) => {
    const observed = hexOf(subject.report[field]);
    return asked(subject, subject.want[field], observed, (wanted) =>
      compared(hexOf(wanted), observed, { holds: `${name} is as wanted`, broken: `${name} is another` }),
    );
  };
}

/** A check that a field of bytes is one of those asked for. */
export function oneOf(
  field: BytesField,
  wantedOf: (want: Wanted) => readonly Uint8Array[] | undefined,
  name: string,
): (subject: Subject) => ReportFinding {
  return (subject) => {
    const observed = hexOf(subject.report[field]);
    return asked(subject, wantedOf(subject.want), observed, (wanted) => {
      const allowed = wanted.map(hexOf);
      const expected = allowed.join(' or ');
      return allowed.includes(observed)
        ? passed(`${name} is one of those wanted`, expected, observed)
        : failed(`${name} is none of those wanted`, expected, observed);
    });
  };
}

/** Is POLICY exactly the one asked for? */
export function policy(subject: Subject): ReportFinding {
  const observed = describeGuestPolicy(subject.report.policy);
  return asked(subject, subject.want.policy, observed, (wanted) =>
    compared(describeGuestPolicy(wanted), observed, { holds: 'POLICY is as wanted', broken: 'POLICY is another' }),
  );
}

/** Is POLICY one that firmware could accept, with no bits whose meaning is not known? */
export function policyReserved({ report, want, unreadable }: Subject): ReportFinding {
  if (unreadable !== undefined) return notApplicable(unreadable);
  const { bits, unknownBits } = parseGuestPolicy(report.policy);
  const observed = hexNumber(report.policy);
  const expected = 'bit 17 set, no bits without a meaning';
  if (!bits.includes('RESERVED_ONE')) return failed('bit 17 of POLICY is clear', expected, observed);
  if (unknownBits === 0n) return passed('POLICY has only bits with a meaning', expected, observed);
  const words = `POLICY has bits without a known meaning: ${hexNumber(unknownBits)}`;
  return want.policy === report.policy
    ? notApplicable(`${words}; exactly this policy was asked for`, expected, observed)
    : failed(words, expected, observed);
}

/** Are the bits of POLICY set, or clear, that were asked for? */
export function policyBits(must: 'set' | 'clear'): (subject: Subject) => ReportFinding {
  return (subject) => {
    const { report, want, unreadable } = subject;
    const { bits } = parseGuestPolicy(report.policy);
    const observed = `${hexNumber(report.policy)}: ${bits.join(', ')}`;
    const asksFor = must === 'set' ? want.policySet : want.policyClear;
    if (must === 'clear' && asksFor === undefined && unreadable === undefined && bits.includes('DEBUG')) {
      return notApplicable('not asked for, and DEBUG is allowed: the host may read this guest', null, observed);
    }
    return asked(subject, asksFor, observed, (wanted) => {
      const wrong = wanted.filter((name) => bits.includes(name) !== (must === 'set'));
      const expected = `${must}: ${wanted.join(', ')}`;
      return wrong.length > 0
        ? failed(`not ${must} in POLICY: ${wrong.join(', ')}`, expected, observed)
        : passed(`${must} in POLICY as wanted`, expected, observed);
    });
  };
}

/** Does POLICY ask for a firmware API at least as new as was asked for? */
export function policyAbi(subject: Subject): ReportFinding {
  const { abiMajor, abiMinor } = parseGuestPolicy(subject.report.policy);
  const observed = `${abiMajor}.${abiMinor}`;
  return asked(subject, subject.want.policyAbi, observed, ({ major, minor }) => {
    const holds = abiMajor > major || (abiMajor === major && abiMinor >= minor);
    const expected = `at least ${major}.${minor}`;
    return holds
      ? passed('POLICY asks for firmware as new as wanted', expected, observed)
      : failed('POLICY lets older firmware launch the guest', expected, observed);
  });
}

const VMPL_HOST = 0xffffffff;

/** Was the report asked for at the level wanted? */
export function vmpl(subject: Subject): ReportFinding {
  const words = (level: number): string => (level === VMPL_HOST ? 'asked for by the host' : String(level));
  const observed = words(subject.report.vmpl);
  return asked(subject, subject.want.vmpl, observed, (wanted) =>
    compared(words(wanted), observed, { holds: 'VMPL is as wanted', broken: 'VMPL is another' }),
  );
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Was the guest launched with an ID block? */
export function idBlock(subject: Subject): ReportFinding {
  const { idKeyDigest } = subject.report;
  return asked(subject, subject.want.idBlock, hexOf(idKeyDigest), () =>
    isZero(idKeyDigest)
      ? failed('launched without an ID block: ID_KEY_DIGEST is zero', 'not zero', hexOf(idKeyDigest))
      : passed('launched with an ID block', 'not zero', hexOf(idKeyDigest)),
  );
}

/** Do AUTHOR_KEY_EN and AUTHOR_KEY_DIGEST agree, and was there an author key where one was asked for? */
export function authorKey({ report, keyInfo, want, unreadable }: Subject): ReportFinding {
  if (unreadable !== undefined) return want.authorKey === undefined ? notApplicable(unreadable) : failed(unreadable);
  const flag = keyInfo.authorKeyEnabled;
  const observed = `AUTHOR_KEY_EN ${Number(flag)}, AUTHOR_KEY_DIGEST ${hexOf(report.authorKeyDigest)}`;
  if (flag === isZero(report.authorKeyDigest)) {
    return failed('AUTHOR_KEY_EN and AUTHOR_KEY_DIGEST contradict each other', null, observed);
  }
  if (want.authorKey === 'required' && !flag)
    return failed('launched without an author key', 'an author key', observed);
  return passed(flag ? 'launched with an author key' : 'AUTHOR_KEY_EN and AUTHOR_KEY_DIGEST agree', null, observed);
}

/** Is GUEST_SVN as high as was asked for? */
export function guestSvn(subject: Subject): ReportFinding {
  const observed = String(subject.report.guestSvn);
  return asked(subject, subject.want.minGuestSvn, observed, (least) =>
    subject.report.guestSvn >= least
      ? passed('GUEST_SVN is as high as wanted', `at least ${least}`, observed)
      : failed('GUEST_SVN is lower than wanted', `at least ${least}`, observed),
  );
}

/** REPORT_ID_MA without a migration agent. Source: AMD 56860, ATTESTATION_REPORT structure. */
const NO_AGENT = 'ff'.repeat(32);

/** Is the migration agent the one asked for, or none? */
export function reportIdMa(subject: Subject): ReportFinding {
  const observed = hexOf(subject.report.reportIdMa);
  return asked(subject, subject.want.reportIdMa, observed, (wanted) =>
    compared(wanted === 'none' ? NO_AGENT : hexOf(wanted), observed, {
      holds: wanted === 'none' ? 'no migration agent' : 'REPORT_ID_MA is as wanted',
      broken: wanted === 'none' ? 'the guest has a migration agent' : 'REPORT_ID_MA is another',
    }),
  );
}

/** Is the chip's product the one asked for? */
export function productWanted(subject: Subject): ReportFinding {
  const { chain, line, want } = subject;
  const known = chain?.anchor?.product ?? line?.kdsProduct;
  if (want.product === undefined) return notApplicable('not asked for', null, known ?? null);
  return compared(want.product, known ?? 'unknown', { holds: 'the product is as wanted', broken: 'another product' });
}

/** Is the signing key of the kind asked for? */
export function signingKeyWanted({ keyInfo, want }: Subject): ReportFinding {
  if (want.signingKey === undefined) return notApplicable('not asked for', null, keyInfo.signingKey);
  return compared(want.signingKey, keyInfo.signingKey, {
    holds: 'signed by a key of the kind wanted',
    broken: 'signed by a key of another kind',
  });
}

/** Is the VLEK that of the cloud provider asked for? */
export function cspId({ want, statement, keyInfo }: Subject): ReportFinding {
  const stated = 'value' in statement ? statement.value.cspId : null;
  const observed = stated === null ? null : quoted(stated);
  if (want.cspId === undefined) return notApplicable('not asked for', null, observed);
  if (stated !== null) {
    return compared(quoted(want.cspId), quoted(stated), {
      holds: 'the VLEK is that of the provider wanted',
      broken: 'the VLEK is that of another provider',
    });
  }
  if (!('value' in statement)) return { ...failed(`the provider is not known: ${statement.why}`, quoted(want.cspId)) };
  return failed(`a ${keyInfo.signingKey} names no provider`, quoted(want.cspId));
}

/** Is the firmware as new as was asked for? */
export function minFirmware(which: 'current' | 'committed'): (subject: Subject) => ReportFinding {
  return (subject) => {
    const { want } = subject;
    const version = firmwareOf(subject.report)[which];
    const least = which === 'current' ? want.minFirmware : want.minCommittedFirmware;
    return asked(subject, least, firmwareText(version), (wanted) => {
      const expected = `at least ${firmwareText(wanted)}`;
      return compareFirmware(version, wanted) >= 0
        ? passed(`the ${which} firmware is as new as wanted`, expected, firmwareText(version))
        : failed(`the ${which} firmware is older than wanted`, expected, firmwareText(version));
    });
  };
}

/** Is the firmware that runs at least the committed one? */
export function firmwareOrder({ report, unreadable }: Subject): ReportFinding {
  if (unreadable !== undefined) return notApplicable(unreadable);
  const { current, committed } = firmwareOf(report);
  const [expected, observed] = [`at least ${firmwareText(committed)}`, firmwareText(current)];
  return compareFirmware(current, committed) >= 0
    ? passed('the firmware that runs is not older than the committed one', expected, observed)
    : failed('the firmware that runs is older than the committed one', expected, observed);
}

/** Are the bits of PLATFORM_INFO set, or clear, that were asked for? */
export function platformBits(must: 'set' | 'clear'): (subject: Subject) => ReportFinding {
  return (subject) => {
    const { report, want } = subject;
    const { names } = splitBits(PLATFORM_INFO_BITS, report.platformInfo);
    const observed = `${hexNumber(report.platformInfo)}: ${names.join(', ')}`;
    return asked(subject, must === 'set' ? want.platformSet : want.platformClear, observed, (wanted) => {
      const wrong = wanted.filter((name) => names.includes(name) !== (must === 'set'));
      const expected = `${must}: ${wanted.join(', ')}`;
      return wrong.length > 0
        ? failed(`not ${must} in PLATFORM_INFO: ${wrong.join(', ')}`, expected, observed)
        : passed(`${must} in PLATFORM_INFO as wanted`, expected, observed);
    });
  };
}

/** Has PLATFORM_INFO bits without a meaning known here? */
export function platformUnknown(subject: Subject): ReportFinding {
  const { unknown } = splitBits(PLATFORM_INFO_BITS, subject.report.platformInfo);
  const expected = `no bits but ${hexNumber(maskOf(PLATFORM_INFO_BITS))}`;
  const observed = hexNumber(subject.report.platformInfo);
  if (subject.unreadable !== undefined) return asked(subject, subject.want.unknownBits, observed, () => failed(''));
  if (unknown === 0n) return passed('PLATFORM_INFO has only bits with a meaning', expected, observed);
  const words = `PLATFORM_INFO has bits without a known meaning: ${hexNumber(unknown)}`;
  return subject.want.unknownBits === 'refused'
    ? failed(words, expected, observed)
    : notApplicable(`${words}; they were not to be refused`, expected, observed);
}

/** The first report version with mitigation vectors; version 4 is read as 5. */
const MITIGATIONS_SINCE = 4;

/** Are the mitigations verified that were asked for? */
export function mitigations(which: 'launch' | 'current'): (subject: Subject) => ReportFinding {
  return (subject) => {
    const { report, want } = subject;
    const [vector, wanted, name] =
      which === 'launch'
        ? [report.launchMitVector, want.launchMitVector, 'LAUNCH_MIT_VECTOR']
        : [report.currentMitVector, want.currentMitVector, 'CURRENT_MIT_VECTOR'];
    const observed = hexNumber(vector);
    if (report.version < MITIGATIONS_SINCE) {
      const why = `version ${report.version} has no mitigation vectors`;
      return wanted === undefined ? notApplicable(why) : failed(why, `bits ${hexNumber(wanted)}`);
    }
    return asked(subject, wanted, observed, (bits) => {
      const missing = bits & ~vector;
      const expected = `bits ${hexNumber(bits)}`;
      return missing === 0n
        ? passed(`${name} has the bits wanted`, expected, observed)
        : failed(`${name} lacks ${hexNumber(missing)}`, expected, observed);
    });
  };
}
