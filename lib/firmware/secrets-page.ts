import { serialiseLayout } from '../abi/layout.ts';
import { SECRETS_PAGE } from '../abi/secrets-page.ts';
import { HarnessError } from '../errors.ts';
import type { GuestContext } from './guest-context.ts';
import type { Platform } from './platform.ts';

/** What the firmware writes into the secrets page of a guest. @returns 4096 bytes   Source: AMD 56860, secrets page */
export function secretsPage(guest: GuestContext, platform: Platform): Uint8Array {
  const [vmpck0, vmpck1, vmpck2, vmpck3] = guest.vmpcks;
  if (vmpck0 === undefined || vmpck1 === undefined || vmpck2 === undefined || vmpck3 === undefined) {
    throw new HarnessError({ code: 'INTERNAL', what: 'a secrets page before SNP_LAUNCH_START' });
  }
  const { family, model, stepping } = platform.cpuid;
  const familyModelStepping = (family << 16) | (model << 8) | stepping;
  return serialiseLayout(
    SECRETS_PAGE,
    { version: 3, familyModelStepping, vmpck0, vmpck1, vmpck2, vmpck3 },
    'secrets page',
  );
}
