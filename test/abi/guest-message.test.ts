import {
  GUEST_MESSAGE_AUTHENTICATED_FROM,
  GUEST_MESSAGE_HEADER,
  REPORT_REQUEST,
  REPORT_RESPONSE,
} from '../../lib/abi/guest-message.ts';
import { fieldOf, type Layout } from '../../lib/abi/layout.ts';
import { SECRETS_PAGE } from '../../lib/abi/secrets-page.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

const SIZES: readonly (readonly [string, Layout, number])[] = [
  ['the header of a guest message', GUEST_MESSAGE_HEADER, 0x60],
  ['MSG_REPORT_REQ', REPORT_REQUEST, 0x60],
  ['MSG_REPORT_RSP', REPORT_RESPONSE, 0x4c0],
  ['the secrets page', SECRETS_PAGE, 4096],
];

for (const [name, layout, bytes] of SIZES) {
  test(`${name} covers ${bytes} bytes without gap or overlap`, () => {
    expectSoundLayout(layout, bytes);
  });
}

// Source: Linux include/uapi/linux/sev-guest.h and drivers/virt/coco/sev-guest, struct snp_guest_msg_hdr, snp_secrets_page.
test('guest messages have their fields where a guest driver puts them', () => {
  expect(fieldOf(GUEST_MESSAGE_HEADER, 'sequence').at).toBe(0x20);
  expect(fieldOf(GUEST_MESSAGE_HEADER, 'algorithm').at).toBe(GUEST_MESSAGE_AUTHENTICATED_FROM);
  expect(fieldOf(GUEST_MESSAGE_HEADER, 'messageType').at).toBe(0x34);
  expect(fieldOf(GUEST_MESSAGE_HEADER, 'messageSize').at).toBe(0x36);
  expect(fieldOf(GUEST_MESSAGE_HEADER, 'vmpck').at).toBe(0x3c);
  expect(fieldOf(REPORT_REQUEST, 'vmpl').at).toBe(0x40);
  expect(fieldOf(REPORT_RESPONSE, 'report').at).toBe(0x20);
  expect(fieldOf(SECRETS_PAGE, 'vmpck0').at).toBe(0x20);
  expect(fieldOf(SECRETS_PAGE, 'vmpck3').at).toBe(0x80);
});
