import type { Layout } from './layout.ts';

/** Header of a guest message, 0x60 bytes; the payload follows it. Source: AMD 56860, guest messages. */
export const GUEST_MESSAGE_HEADER = [
  { name: 'authTag', at: 0x00, bytes: 32, type: 'bytes' },
  { name: 'sequence', at: 0x20, bytes: 8, type: 'u64le' },
  { name: 'reserved28', at: 0x28, bytes: 8, type: 'mbz' },
  { name: 'algorithm', at: 0x30, bytes: 1, type: 'u8' },
  { name: 'headerVersion', at: 0x31, bytes: 1, type: 'u8' },
  { name: 'headerSize', at: 0x32, bytes: 2, type: 'u16le' },
  { name: 'messageType', at: 0x34, bytes: 1, type: 'u8' },
  { name: 'messageVersion', at: 0x35, bytes: 1, type: 'u8' },
  { name: 'messageSize', at: 0x36, bytes: 2, type: 'u16le' },
  { name: 'reserved38', at: 0x38, bytes: 4, type: 'mbz' },
  { name: 'vmpck', at: 0x3c, bytes: 1, type: 'u8' },
  { name: 'reserved3d', at: 0x3d, bytes: 35, type: 'mbz' },
] as const satisfies Layout;

/** Where the authenticated part of the header begins; it ends with the header. */
export const GUEST_MESSAGE_AUTHENTICATED_FROM = 0x30;

/** Message types. Source: AMD 56860, guest messages. */
export const GUEST_MESSAGE_TYPE = { REPORT_REQ: 5, REPORT_RSP: 6 } as const;

/** Payload of MSG_REPORT_REQ, 0x60 bytes. Source: AMD 56860, MSG_REPORT_REQ. */
export const REPORT_REQUEST = [
  { name: 'reportData', at: 0x00, bytes: 64, type: 'bytes' },
  { name: 'vmpl', at: 0x40, bytes: 4, type: 'u32le' },
  { name: 'keySelect', at: 0x44, bytes: 4, type: 'u32le' },
  { name: 'reserved48', at: 0x48, bytes: 24, type: 'mbz' },
] as const satisfies Layout;

/** Payload of MSG_REPORT_RSP, 0x4C0 bytes: the report stands at 0x20. Source: AMD 56860, MSG_REPORT_RSP. */
export const REPORT_RESPONSE = [
  { name: 'status', at: 0x00, bytes: 4, type: 'u32le' },
  { name: 'reportSize', at: 0x04, bytes: 4, type: 'u32le' },
  { name: 'reserved08', at: 0x08, bytes: 24, type: 'mbz' },
  { name: 'report', at: 0x20, bytes: 0x4a0, type: 'bytes' },
] as const satisfies Layout;
