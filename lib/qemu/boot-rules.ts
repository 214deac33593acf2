import { cmdlineCut } from '../measure/kernel-hashes.ts';
import type { LaunchRule } from './launch-rule.ts';

/** Firmware and kernel: is what boots what is measured? */
export const BOOT_RULES: readonly LaunchRule[] = [
  {
    id: 'pflash',
    severity: 'error',
    find: ({ launch: { pflash } }) =>
      pflash.map(({ from, value }) => ({
        what: `${from}${value === '' ? '' : ` ${JSON.stringify(value)}`}: an SNP guest takes its firmware from -bios`,
        hint: 'upstream QEMU stops on flash drives, trees of 2024 and older measure the first; use -bios with a whole image',
      })),
  },
  {
    id: 'no-firmware',
    severity: 'error',
    find: ({ launch: { firmware, pflash }, given }) =>
      firmware !== null || given.firmware || pflash.length > 0
        ? null
        : {
            what: 'no -bios: QEMU would load SeaBIOS, which starts no SNP guest',
            hint: 'give an OVMF image with -bios',
          },
  },
  {
    id: 'initrd-without-kernel',
    severity: 'error',
    find: ({ launch: { kernel, initrd, append } }) =>
      kernel !== null
        ? null
        : [initrd, append]
            .filter((given) => given !== null)
            .map(({ from }) => ({ what: `${from} without -kernel`, hint: 'QEMU refuses it' })),
  },
  {
    id: 'hashes-without-kernel',
    severity: 'error',
    find: ({ launch: { kernel, snp } }) =>
      snp?.kernelHashes === true && kernel === null
        ? {
            what: 'kernel-hashes=on without -kernel: QEMU aborts, assertion `kernel_hashes_data`',
            hint: 'add -kernel, or drop kernel-hashes=on',
          }
        : null,
  },
  {
    id: 'kernel-not-measured',
    severity: 'warning',
    find: ({ launch: { kernel, snp } }) =>
      snp?.kernelHashes === false && kernel !== null
        ? {
            what: `${kernel.from} without kernel-hashes=on: kernel, initrd and command line are not measured`,
            hint: 'an AmdSev build of OVMF will not boot such a kernel; add kernel-hashes=on to the sev-snp-guest object',
          }
        : null,
  },
  {
    id: 'append-cut',
    severity: 'warning',
    find: ({ launch: { append, snp } }) => {
      const cut = append !== null && snp?.kernelHashes === true ? cmdlineCut(append.value) : null;
      return cut === null
        ? null
        : { what: `${append?.from}: ${cut}`, hint: 'shorten it: what comes after is lost to the kernel' };
    },
  },
  {
    id: 'dtb',
    severity: 'error',
    find: ({ launch: { dtb, snp } }) =>
      dtb !== null && snp?.kernelHashes === true
        ? { what: `${dtb.from} changes the hash of the kernel, so the digest is not that of the file`, hint: 'drop it' }
        : null,
  },
  {
    id: 'shim',
    severity: 'warning',
    find: ({ launch: { shim } }) =>
      shim === null
        ? null
        : { what: `${shim.from} is not measured`, hint: 'the table of kernel hashes has no place for it' },
  },
];
