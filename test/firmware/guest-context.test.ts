import { firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { createGuest, decommission, type GuestContext } from '../../lib/firmware/guest-context.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { activate, launchStart } from '../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import { expect, test } from '../support/test.ts';
import { PLAIN_FINISH, PLATFORM, POLICY, page, runningGuest, startedGuest } from './platform.ts';

function unboundGuest(): GuestContext {
  const guest = createGuest();
  launchStart(guest, PLATFORM, POLICY);
  return guest;
}

function decommissionedGuest(): GuestContext {
  const guest = runningGuest();
  decommission(guest);
  return guest;
}

/** Every launch command on a guest of every state. Source: AMD 56860, the checks of each command. */
const STATES: readonly [title: string, make: () => GuestContext, statuses: readonly string[]][] = [
  ['not started', createGuest, ['SUCCESS', 'INVALID_GUEST_STATE', 'INVALID_GUEST_STATE', 'INVALID_GUEST_STATE']],
  ['started and not bound to an ASID', unboundGuest, ['INVALID_GUEST_STATE', 'SUCCESS', 'INACTIVE', 'INACTIVE']],
  ['in launch', startedGuest, ['INVALID_GUEST_STATE', 'SUCCESS', 'SUCCESS', 'SUCCESS']],
  [
    'running',
    runningGuest,
    ['INVALID_GUEST_STATE', 'INVALID_GUEST_STATE', 'INVALID_GUEST_STATE', 'INVALID_GUEST_STATE'],
  ],
  ['decommissioned', decommissionedGuest, ['INVALID_GUEST', 'INVALID_GUEST', 'INVALID_GUEST', 'INVALID_GUEST']],
];

for (const [title, make, statuses] of STATES) {
  test(`start, activate, update and finish of a guest that is ${title}: ${statuses.join(', ')}`, () => {
    const commands = [
      (guest: GuestContext) => launchStart(guest, PLATFORM, POLICY),
      (guest: GuestContext) => activate(guest, PLATFORM, 1),
      (guest: GuestContext) => launchUpdate(guest, PLATFORM, page(1)),
      (guest: GuestContext) => launchFinish(guest, PLAIN_FINISH),
    ];
    expect(commands.map((command) => firmwareStatusName(command(make())))).toEqual(statuses);
  });
}

test('a command that is refused for the state of the guest leaves it alone', () => {
  for (const guest of [unboundGuest(), runningGuest()]) {
    const before = structuredClone(guest);
    launchUpdate(guest, PLATFORM, page(1));
    launchFinish(guest, PLAIN_FINISH);
    launchStart(guest, PLATFORM, POLICY);
    expect(guest).toEqual(before);
  }
});

test('a decommissioned guest has no keys, digest or report id any more', () => {
  expect(decommissionedGuest()).toEqual({ ...createGuest(), state: 'decommissioned' });
});
