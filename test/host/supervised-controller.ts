// A controller in a process of its own, to be killed or stopped by a test: starts what it is told under supervision,
// prints the process id and waits for ever.
import { LocalSession } from '../../lib/host/local-session.ts';
import type { SshOptions } from '../../lib/host/ssh-options.ts';
import { openSshSession } from '../../lib/host/ssh-session.ts';
import { type SupervisedOptions, startSupervised } from '../../lib/host/supervisor.ts';

const [ssh, options] = process.argv.slice(2).map((text) => JSON.parse(text) as unknown);
const session = ssh === null ? new LocalSession('here') : await openSshSession(ssh as SshOptions);
const launch = await startSupervised(session, options as SupervisedOptions);
process.stdout.write(`${launch.pid}\n`);
await launch.ended;
