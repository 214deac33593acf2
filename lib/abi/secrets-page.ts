import type { Layout } from './layout.ts';

/** The secrets page, as far as a guest needs it for guest messages. Source: AMD 56860, secrets page. */
export const SECRETS_PAGE = [
  { name: 'version', at: 0x00, bytes: 4, type: 'u32le' },
  { name: 'flags', at: 0x04, bytes: 4, type: 'u32le' },
  { name: 'familyModelStepping', at: 0x08, bytes: 4, type: 'u32le' },
  { name: 'reserved0c', at: 0x0c, bytes: 4, type: 'mbz' },
  { name: 'gosvw', at: 0x10, bytes: 16, type: 'bytes' },
  { name: 'vmpck0', at: 0x20, bytes: 32, type: 'bytes' },
  { name: 'vmpck1', at: 0x40, bytes: 32, type: 'bytes' },
  { name: 'vmpck2', at: 0x60, bytes: 32, type: 'bytes' },
  { name: 'vmpck3', at: 0x80, bytes: 32, type: 'bytes' },
  { name: 'guestArea', at: 0xa0, bytes: 0xf60, type: 'bytes' },
] as const satisfies Layout;
