/**
 * Plants changes by chance, from a fixed seed, and looks whether they are found: 500 of one input, 500 of two, 200 of three.
 * Says how many were explained with as few changes, how many with the planted inputs, and how long it took. Only what was
 * measured anew from its beginning, and gave the digest, is named at all (lib/explain/explanation.ts).
 *
 * node --import tsx bench/explain-soak.ts [singles] [doubles] [triples] [seed] [seconds for each, of the clock]
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { predict } from '../lib/measure/predict.ts';
import { answerQuestion } from '../lib/runner/answer.ts';
import { Dice, plant, SMALL_IMAGES, sceneOf } from '../test/explain/plants.ts';

/** None, near enough: what is asked is whether they are found, and of time how much of a processor it takes. */
const NO_LIMIT_SECONDS = 3600;
/** After so many a summary of what is done. */
const SUMMARY_EACH = 20;

interface Task {
  changes: number;
  seed: number;
  limitMs: number;
}

interface Outcome extends Task {
  /** Explained with no more changes than were planted. */
  minimal: boolean;
  /** With the inputs that were planted. */
  named: boolean;
  seconds: number;
  /** Of the processor: what others do on the same cores is not in it. */
  cpuSeconds: number;
  what: string;
}

async function attempt({ changes, seed, limitMs }: Task): Promise<Outcome> {
  const dice = new Dice(seed);
  const scene = sceneOf(dice, SMALL_IMAGES);
  const { launch, inputs } = plant(scene, changes, dice);
  const target = predict(launch).launchDigest;
  const start = process.cpuUsage();
  const { explanations, seconds } = await answerQuestion(
    { known: scene.known, image: undefined, target, direction: 'observed' },
    { limitMs, cores: 'one' },
  );
  const { user, system } = process.cpuUsage(start);
  const cpuSeconds = (user + system) / 1e6;
  const [first] = explanations;
  const minimal = first !== undefined && first.changes.length <= changes;
  const named = first?.changes.every(({ input }) => inputs.includes(input)) ?? false;
  const told = first?.changes.map(({ input, to }) => `${input} ${to}`).join(', ') ?? 'nothing';
  return {
    changes,
    seed,
    limitMs,
    minimal,
    named,
    seconds,
    cpuSeconds,
    what: `planted ${inputs.join(' ')}; told ${told}`,
  };
}

/** The part of a child: one task after the other. */
function serve(): void {
  process.on('message', (task: Task) => {
    attempt(task).then(
      (outcome) => process.send?.(outcome),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

async function runAll(tasks: readonly Task[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const children = Array.from({ length: availableParallelism() }, () =>
    fork(fileURLToPath(import.meta.url), ['child']),
  );
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          const give = (): void => {
            const task = tasks[next];
            next += 1;
            if (task === undefined) {
              child.disconnect();
              resolve();
            } else child.send(task);
          };
          child.on('message', (outcome: Outcome) => {
            outcomes.push(outcome);
            if (outcomes.length % SUMMARY_EACH === 0) console.log(summary(outcome.changes, outcomes));
            if (!outcome.minimal || !outcome.named)
              console.log(`seed ${outcome.seed}, ${outcome.changes}: ${outcome.what}`);
            give();
          });
          child.on('exit', (code) => (code ? reject(new Error(`a child ended with code ${code}`)) : resolve()));
          give();
        }),
    ),
  );
  return outcomes;
}

function summary(changes: number, outcomes: readonly Outcome[]): string {
  const mine = outcomes.filter((outcome) => outcome.changes === changes);
  const share = (count: number): string => `${count} of ${mine.length} (${((100 * count) / mine.length).toFixed(1)} %)`;
  const seconds = mine.map(({ cpuSeconds }) => cpuSeconds).sort((left, right) => left - right);
  const at = (part: number): string =>
    (seconds[Math.min(seconds.length - 1, Math.floor(part * seconds.length))] ?? 0).toFixed(2);
  const minimal = share(mine.filter((outcome) => outcome.minimal).length);
  const named = share(mine.filter((outcome) => outcome.named).length);
  return `${changes} changed: minimal ${minimal}, with the planted inputs ${named}; seconds of processor: median ${at(0.5)}, 95 % ${at(0.95)}, most ${at(1)}`;
}

if (process.argv[2] === 'child') serve();
else {
  const [singles = 500, doubles = 500, triples = 200, seed = 1, limit = NO_LIMIT_SECONDS] = process.argv
    .slice(2)
    .map(Number);
  const counts = [singles, doubles, triples];
  const tasks = counts.flatMap((count, index) =>
    Array.from({ length: count }, (_, number) => ({
      changes: index + 1,
      seed: seed * 1_000_000 + (index + 1) * 10_000 + number,
      limitMs: limit * 1000,
    })),
  );
  const outcomes = await runAll(tasks);
  for (const changes of [1, 2, 3])
    if (outcomes.some((one) => one.changes === changes)) console.log(summary(changes, outcomes));
}
