import { tcbReserved } from '../abi/tcb.ts';
import { failed, notApplicable, passed } from '../finding.ts';
import { hexNumber } from '../text.ts';
import { asked } from './field-checks.ts';
import type { ReportFinding, Subject } from './subject.ts';
import { componentsBehind, componentsBelow, tcbText, tcbVersionText } from './tcb.ts';
import { REPORT_TCBS, type ReportTcb } from './want.ts';

const NAMES: Readonly<Record<ReportTcb, string>> = {
  reported: 'REPORTED_TCB',
  committed: 'COMMITTED_TCB',
  current: 'CURRENT_TCB',
  launch: 'LAUNCH_TCB',
};

function tcbOf({ report }: Subject, which: ReportTcb): bigint {
  return report[`${which}Tcb`];
}

/** Is every component of a TCB as high as was asked for? */
export function minTcb(which: ReportTcb): (subject: Subject) => ReportFinding {
  return (subject) => {
    const { layout, want } = subject;
    const observed = tcbVersionText(tcbOf(subject, which), layout);
    return asked(subject, want.minTcb?.[which], observed, (least) => {
      const below = componentsBelow(tcbOf(subject, which), least, layout);
      const expected = `at least ${tcbText(least)}`;
      return below.length > 0
        ? failed(`${NAMES[which]} is lower than wanted: ${below.join('; ')}`, expected, observed)
        : passed(`${NAMES[which]} is as high as wanted`, expected, observed);
    });
  };
}

/**
 * Is CURRENT not behind COMMITTED, and COMMITTED not behind REPORTED, in any component? Firmware compares whole numbers and
 * so lets a component be higher where a more significant one is lower.
 */
export function tcbOrder(subject: Subject): ReportFinding {
  const { report, layout, unreadable } = subject;
  if (unreadable !== undefined) return notApplicable(unreadable);
  const { currentTcb, committedTcb, reportedTcb } = report;
  const behind = [
    ...componentsBehind(currentTcb, committedTcb, layout).map((where) => `CURRENT_TCB behind COMMITTED_TCB: ${where}`),
    ...componentsBehind(committedTcb, reportedTcb, layout).map(
      (where) => `COMMITTED_TCB behind REPORTED_TCB: ${where}`,
    ),
  ];
  const expected = 'CURRENT_TCB >= COMMITTED_TCB >= REPORTED_TCB in each component';
  return behind.length > 0
    ? failed('the TCBs are not in order', expected, behind.join('; '))
    : passed('the TCBs are in order', expected);
}

/** Is all firmware that runs committed, so that the host cannot roll back? */
export function provisional(subject: Subject): ReportFinding {
  const { report, layout, want } = subject;
  const ahead = componentsBehind(report.committedTcb, report.currentTcb, layout);
  const observed = ahead.length > 0 ? ahead.join('; ') : 'all committed';
  return asked(subject, want.provisional, observed, () =>
    ahead.length > 0
      ? failed('provisional firmware runs: COMMITTED_TCB is behind CURRENT_TCB', 'all committed', observed)
      : passed('all firmware that runs is committed', 'all committed', observed),
  );
}

/** Have the TCBs bytes without a meaning known here? */
export function tcbUnknown(subject: Subject): ReportFinding {
  const { layout, want, unreadable } = subject;
  if (unreadable !== undefined) return asked(subject, want.unknownBits, '', () => failed(''));
  const set = REPORT_TCBS.filter((which) => tcbReserved(tcbOf(subject, which), layout) !== 0n);
  if (set.length === 0) return passed('the TCBs have only bytes with a meaning');
  const observed = set.map((which) => `${NAMES[which]} ${hexNumber(tcbOf(subject, which))}`).join(', ');
  const words = 'a TCB has bytes without a known meaning';
  return want.unknownBits === 'refused'
    ? failed(words, null, observed)
    : notApplicable(`${words}; they were not to be refused`, null, observed);
}
