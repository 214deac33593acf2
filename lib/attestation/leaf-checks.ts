import { productOfName, STRUCT_VERSIONS } from '../abi/certificate-extensions.ts';
import { PRODUCT_LINES } from '../abi/products.ts';
import { compared, failed, notApplicable, passed } from '../finding.ts';
import { hexNumber, hexOf, quoted } from '../text.ts';
import type { LeafStatement } from './leaf-extensions.ts';
import { type ReportFinding, type Subject, splText } from './subject.ts';
import { CPUID_SINCE, chipIdMasked } from './tcb.ts';

function ofStatement(subject: Subject, check: (statement: LeafStatement) => ReportFinding): ReportFinding {
  const { statement } = subject;
  return 'value' in statement ? check(statement.value) : notApplicable(statement.why);
}

/** Has the leaf AMD's extensions, each that it must have exactly once? */
export function leafExtensions({ statement, leaf }: Subject): ReportFinding {
  if ('value' in statement) return passed(`the extensions of a ${leaf?.kind} are there, each once`);
  return statement.broken ? failed(`${leaf?.where}: ${statement.why}`) : notApplicable(statement.why);
}

/** Is the structure of the leaf that of the product its root vouches for? */
export function structVersion(subject: Subject): ReportFinding {
  return ofStatement(subject, (statement) => {
    const anchor = subject.chain?.anchor;
    if (anchor === undefined) return notApplicable('the root is not trusted, so that the product is not known');
    const line = PRODUCT_LINES.find(({ kdsProduct }) => kdsProduct === anchor.product);
    const expected = line === undefined ? 'none' : String(STRUCT_VERSIONS[line.tcbLayout]);
    return compared(expected, String(statement.structVersion), {
      holds: `the structure of ${anchor.product} certificates`,
      broken: `not the structure of ${anchor.product} certificates`,
    });
  });
}

/** Does the leaf name the product that its root vouches for? */
export function leafProduct(subject: Subject): ReportFinding {
  return ofStatement(subject, ({ productName }) => {
    const anchor = subject.chain?.anchor;
    if (anchor === undefined) return notApplicable('the root is not trusted, so that the product is not known');
    return productOfName(productName) === anchor.product
      ? passed(`issued for ${anchor.product}`, anchor.product, quoted(productName))
      : failed(`not issued for ${anchor.product}`, anchor.product, quoted(productName));
  });
}

/** Do the CPUID fields of the report name the product that the root vouches for? */
export function product(subject: Subject): ReportFinding {
  const { report, line, unreadable, chain } = subject;
  if (unreadable !== undefined) return notApplicable(unreadable);
  if (report.version < CPUID_SINCE) return notApplicable(`version ${report.version} does not state the processor`);
  const cpuid = `family ${hexNumber(report.cpuidFamId)}, model ${hexNumber(report.cpuidModId)}`;
  const expected = chain?.anchor?.product;
  if (expected === undefined)
    return notApplicable('the root is not trusted, so that the product is not known', null, cpuid);
  if (line === undefined) return failed(`no product is known of ${cpuid}`, expected, cpuid);
  return line.kdsProduct === expected
    ? passed(`${line.name}, vouched for by ARK-${chain?.anchor?.chainName}`, expected, cpuid)
    : failed(`${line.name}, vouched for by the root of ${expected}`, expected, cpuid);
}

/** Was the signing key derived for the TCB that the report states? */
export function leafTcb(subject: Subject): ReportFinding {
  const { report, unreadable, leaf } = subject;
  if (unreadable !== undefined) return notApplicable(unreadable);
  return ofStatement(subject, ({ tcb, layout, structVersion: stated }) => {
    if (tcb === undefined || layout === undefined) {
      return failed(`the TCB of structVersion ${stated} cannot be read`, splText(report.reportedTcb, subject.layout));
    }
    return compared(splText(report.reportedTcb, layout), splText(tcb, layout), {
      holds: `the ${leaf?.kind} is that of REPORTED_TCB`,
      broken: `the ${leaf?.kind} is that of another TCB than REPORTED_TCB`,
    });
  });
}

/** Is the leaf that of the chip that the report names? */
export function leafChip(subject: Subject): ReportFinding {
  const { report, unreadable, input } = subject;
  if (unreadable !== undefined) return notApplicable(unreadable);
  return ofStatement(subject, ({ hwId }) => {
    if (hwId === null) return notApplicable('a VLEK is not bound to one chip', null, hexOf(report.chipId));
    const expected = hexOf(hwId).padEnd(2 * report.chipId.length, '0');
    if (chipIdMasked(report)) {
      const why = 'the host masked CHIP_ID';
      return input.allow?.maskedChipId === 'allowed'
        ? notApplicable(`${why}, which is allowed`, expected, hexOf(report.chipId))
        : failed(`${why}, so that the report does not say which chip made it`, expected, hexOf(report.chipId));
    }
    return compared(expected, hexOf(report.chipId), {
      holds: 'the VCEK is that of CHIP_ID',
      broken: 'the VCEK is that of another chip',
    });
  });
}
