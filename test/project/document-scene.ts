import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { certificateDer, madeChain } from '../attestation/made-chain.ts';
import { madeFields, signedReport } from '../attestation/made-report.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage, GUID, METADATA_FROM_END, u32 } from '../support/firmware-image.ts';

/** Where the commands of the documents are run: the files that they name, and what their variables stand for. */
export interface Scene {
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
}

const SVSM_INFO = 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd';
const OBJECT = 'sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on';
const VCPUS = ['--vcpus', '4', '--vcpu-type', 'EPYC-v4'];

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** A QEMU command line as people keep it in a script. @param identity added to the `sev-snp-guest` object */
function script(vcpus: number, identity = ''): string {
  return `#!/bin/sh
exec qemu-system-x86_64 -accel kvm -machine q35,confidential-guest-support=sev0,memory-backend=ram1 \\
  -object memory-backend-memfd,id=ram1,size=1G,share=true \\
  -cpu EPYC-v4 -smp ${vcpus} -m 1G -nographic -bios OVMF.amdsev.fd \\
  -object ${OBJECT}${identity} \\
  -kernel vmlinuz -initrd initrd.img -append console=ttyS0
`;
}

/** An SVSM image with the three sections of COCONUT. */
function svsmImage(): Uint8Array {
  return firmwareImage({
    bytes: 12288,
    entries: [
      [SVSM_INFO, u32(0x10)],
      [GUID.metadata, u32(METADATA_FROM_END)],
    ],
    sections: [
      [0, 0x3000, 1],
      [0x9e000, 0x1000, 2],
      [0x9f000, 0x1000, 3],
    ],
  });
}

/** The standard output of a command that must end well. */
async function printedBy(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runHere(args);
  if (exitCode !== 0) throw new Error(`snp-conform ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  return stdout.trim();
}

/**
 * Makes the files that README and docs name, as a reader of them might have them: an AmdSev firmware, a kernel, scripts of
 * QEMU, a report and its certificates, a matrix.
 * @param folder is there, and empty; it is the current one
 */
export async function makeScene(folder: string): Promise<Scene> {
  const write = (name: string, content: string | Uint8Array): void =>
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  // QEMU takes images of whole 64 KiB.
  for (const name of ['OVMF.amdsev.fd', 'OVMF_CODE.fd', 'uefi.fd']) write(name, firmwareImage({ bytes: 0x10000 }));
  write('OVMF_VARS.fd', new Uint8Array(0x84000));
  write('svsm.bin', svsmImage());
  write('vmlinuz', 'a kernel');
  write('initrd.img', 'an initial ramdisk');
  write('old.sh', script(2));
  write('new.sh', script(4));
  write(
    'qemu.log',
    "qemu-system-x86_64: sev_snp_launch_finish: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'\n",
  );
  write('author.pass', 'a secret\n');
  write('milan-1.json', JSON.stringify({ smtActive: false, sockets: 2, apiMajor: 1, apiMinor: 55 }));
  const axes = { firmware: ['amdsev'], vcpus: [1, 4], vcpuType: ['EPYC-v4'] };
  const artifacts = { firmware: { amdsev: { path: 'OVMF.amdsev.fd' } } };
  write('matrix.json', JSON.stringify({ format: 'snp-conform/matrix@1', artifacts, axes }));

  const { root, intermediate, leaf } = madeChain();
  mkdirSync(join(folder, 'certificates'));
  for (const [name, made] of Object.entries({ ark: root, ask: intermediate, vcek: leaf })) {
    write(join('certificates', `${name}.der`), certificateDer(made));
  }
  write('report.bin', signedReport(madeFields()));

  const keys = generateKeys();
  const signed = (launchDigest: string): { block: string; auth: string } => {
    const idBlock = buildIdBlock({ launchDigest: Buffer.from(launchDigest, 'hex'), policy: 0x30000n });
    return { block: base64(idBlock), auth: base64(buildIdAuth({ idBlock, idKey: keys.idKey })) };
  };
  const measured = 'ee'.repeat(48);
  const own = signed(measured);
  write('block.b64', own.block);
  write('auth.b64', own.auth);
  write('launch.sh', script(4));
  const launched = signed(await printedBy(['predict', '--from-argv', 'launch.sh']));
  write('launch.sh', script(4, `,id-block=${launched.block},id-auth=${launched.auth}`));
  mkdirSync(join(folder, 'artifacts'));
  return {
    folder,
    variables: {
      DIGEST: measured,
      NONCE: 'da'.repeat(64),
      MEASUREMENT: await printedBy(['predict', '--ovmf', 'OVMF.amdsev.fd', ...VCPUS, '--guest-features', '0x21']),
      KERNEL: '11'.repeat(32),
      INITRD: '22'.repeat(32),
    },
  };
}
