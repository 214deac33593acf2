import { HarnessError } from '../errors.ts';

/** What a compiled module offers. */
export interface ModuleExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly run: (...parameters: number[]) => number;
}

/** The part of WebAssembly that is used; the types of Node do not have it. Source: WebAssembly JavaScript Interface 1.0. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
  validate: (bytes: Uint8Array) => boolean;
}

const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

function hasExports(candidate: object): candidate is ModuleExports {
  return 'memory' in candidate && 'run' in candidate;
}

/** Bytes and machine code of each module, made once in a thread: by the function that writes it. */
const written = new Map<() => Uint8Array, Uint8Array>();
const compiled = new Map<() => Uint8Array, object>();

function bytesOf(write: () => Uint8Array): Uint8Array {
  const bytes = written.get(write) ?? write();
  written.set(write, bytes);
  return bytes;
}

/** Can this processor run a module? One that reckons with two numbers at once needs a processor that does. */
export function canRun(write: () => Uint8Array): boolean {
  return WebAssembly.validate(bytesOf(write));
}

/** An instance of a module, with a memory of its own. @throws HarnessError INTERNAL */
export function instantiate(write: () => Uint8Array): ModuleExports {
  const module = compiled.get(write) ?? new WebAssembly.Module(bytesOf(write));
  compiled.set(write, module);
  const { exports } = new WebAssembly.Instance(module);
  if (hasExports(exports)) return exports;
  throw new HarnessError({ code: 'INTERNAL', what: 'machine code was made of something else' });
}
