/**
 * Words that distributions, runtimes and people add to kernel command lines of confidential guests.
 * Source: Linux, Documentation/admin-guide/kernel-parameters.txt; kata-containers, src/runtime; AMDESE/AMDSEV,
 * launch-qemu.sh; the reports that docs/mismatch-causes.md names.
 */
export const USUAL_TOKENS: readonly string[] = [
  ...['quiet', 'splash', 'debug', 'ro', 'rw', 'nomodeset', 'nokaslr', 'rootwait', 'noapic', 'acpi=off', 'earlyprintk'],
  ...[
    'console=ttyS0',
    'console=hvc0',
    'console=tty0',
    'console=tty1',
    'console=ttyS0,115200',
    'console=ttyS0,115200n8',
  ],
  ...['console=ttyS1', 'console=ttyAMA0', 'earlyprintk=serial', 'earlyprintk=ttyS0', 'earlyprintk=serial,ttyS0,115200'],
  ...['earlycon', 'loglevel=0', 'loglevel=1', 'loglevel=3', 'loglevel=4', 'loglevel=6', 'loglevel=7', 'loglevel=8'],
  ...['ignore_loglevel', 'root=/dev/vda', 'root=/dev/vda1', 'root=/dev/vda2', 'root=/dev/vda3', 'root=/dev/sda'],
  ...[
    'root=/dev/sda1',
    'root=/dev/sda2',
    'root=/dev/pmem0p1',
    'root=/dev/ram0',
    'root=/dev/mapper/root',
    'root=/dev/dm-0',
  ],
  ...[
    'rootfstype=ext4',
    'rootfstype=erofs',
    'rootfstype=xfs',
    'rootflags=data=ordered,errors=remount-ro',
    'init=/init',
  ],
  ...[
    'init=/sbin/init',
    'init=/bin/sh',
    'init=/bin/bash',
    'rdinit=/init',
    'panic=1',
    'panic=-1',
    'panic=0',
    'panic=10',
  ],
  ...['oops=panic', 'reboot=k', 'reboot=t', 'net.ifnames=0', 'biosdevname=0', 'ip=dhcp', 'swiotlb=262144'],
  ...['swiotlb=524288', 'swiotlb=force', 'mem_encrypt=on', 'mem_encrypt=off', 'iommu=off', 'iommu=pt', 'amd_iommu=off'],
  ...['mitigations=off', 'mitigations=auto', 'nosmt', 'nr_cpus=1', 'maxcpus=1', 'tsc=reliable', 'no_timer_check'],
  ...['noreplace-smp', 'cryptomgr.notests', 'pci=lastbus=0', 'selinux=0', 'selinux=1', 'apparmor=0', 'lsm=landlock'],
  ...['cgroup_no_v1=all', 'systemd.unified_cgroup_hierarchy=1', 'systemd.unit=kata-containers.target'],
  ...['systemd.mask=systemd-networkd.service', 'systemd.mask=systemd-networkd.socket', 'systemd.show_status=true'],
  ...['systemd.show_status=false', 'systemd.log_level=debug', 'systemd.debug_shell=1', 'systemd.verity=yes'],
  ...[
    'agent.log=debug',
    'agent.debug_console',
    'agent.debug_console_vport=1026',
    'agent.enable_signature_verification=true',
  ],
  ...['agent.guest_components_rest_api=all', 'agent.hotplug_timeout=3', 'scsi_mod.scan=none', 'initcall_debug'],
  ...['dm_verity.require_signatures=1', 'random.trust_cpu=on', 'random.trust_cpu=off', 'module.sig_enforce=1'],
  ...[
    'lockdown=integrity',
    'lockdown=confidentiality',
    'ima_policy=tcb',
    'audit=0',
    'audit=1',
    'fips=1',
    'crashkernel=auto',
  ],
  ...['BOOT_IMAGE=/vmlinuz', 'BOOT_IMAGE=/boot/vmlinuz', 'initrd=initrd', 'initrd=/initrd', '--'],
];

/** Values that stand for one another in a token of a key. */
export const VALUES_OF_KEY: ReadonlyMap<string, readonly string[]> = USUAL_TOKENS.reduce((groups, token) => {
  const [, key, value] = /^([^=]+)=(.*)$/.exec(token) ?? [];
  if (key === undefined || value === undefined) return groups;
  return groups.set(key, [...(groups.get(key) ?? []), value]);
}, new Map<string, readonly string[]>());
