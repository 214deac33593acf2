import type { Finding } from './parsed-launch.ts';

/**
 * What of a domain makes libvirt give QEMU an option or a property, in the order in which they are looked for.
 * Source: libvirt, docs/formatdomain.rst; src/qemu/qemu_command.c.
 */
const ELEMENTS: readonly (readonly [string, string])[] = [
  ['-object sev-snp-guest', "<launchSecurity type='sev-snp'>"],
  ['-object sev-guest', "<launchSecurity type='sev'>"],
  ['the sev-snp-guest object', "<launchSecurity type='sev-snp'>"],
  ['sev-snp-guest object', "<launchSecurity type='sev-snp'>"],
  ['sev-snp-guest', "<launchSecurity type='sev-snp'>"],
  ['-accel kvm', "<domain type='kvm'>"],
  ['-machine smm=on', "<smm state='on'>"],
  ['-cpu EPYC-v4', '<cpu><model>EPYC-v4</model></cpu>'],
  ['-bios', "<loader type='rom'>"],
  ['-kernel', '<kernel>'],
  ['-initrd', '<initrd>'],
  ['-append', '<cmdline>'],
  ['-smp', '<vcpu>'],
  ['-cpu', '<cpu>'],
  ['kernel-hashes=on', "kernelHashes='yes'"],
  ['kernel-hashes', 'kernelHashes'],
  ['author-key-enabled=on', "authorKey='yes'"],
  ['author-key-enabled', 'authorKey'],
  ['id-block', '<idBlock>'],
  ['id-auth', '<idAuth>'],
  ['host-data', '<hostData>'],
  ['guest-visible-workarounds', '<guestVisibleWorkarounds>'],
  ['vcek-disabled', 'vcek'],
  ['cbitpos', '<cbitpos>'],
  ['reduced-phys-bits', '<reducedPhysBits>'],
];

const ELEMENT_OF = new Map(ELEMENTS);

/** As words of their own: not `--kernel`, which is an option of this tool, and no part of a path. */
const WORDS = new RegExp(`(?<![\\w<'/.-])(?:${ELEMENTS.map(([word]) => word).join('|')})(?![\\w'/.-])`, 'g');

/** Texts in quotes are of the user: command lines, paths. */
const QUOTED = /("(?:[^"\\]|\\.)*")/;

function translated(text: string): string {
  const parts = text.split(QUOTED);
  return parts
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(WORDS, (word) => ELEMENT_OF.get(word) ?? word)))
    .join('');
}

/** A finding of a domain in the words of its XML; what is handed through to QEMU is told in QEMU's. */
export function inWordsOfLibvirt(finding: Finding): Finding {
  const { what, hint } = finding;
  if (what.includes('<qemu:arg>')) return finding;
  return { ...finding, what: translated(what), hint: hint && translated(hint) };
}
