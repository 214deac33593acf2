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

/** Can this processor run a module? One that reckons with two numbers at once needs a processor that does. */
export function canRun(module: Uint8Array): boolean {
  return WebAssembly.validate(module);
}

/** Makes machine code of a module. @throws HarnessError INTERNAL */
export function instantiate(module: Uint8Array): ModuleExports {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
  if (hasExports(exports)) return exports;
  throw new HarnessError({ code: 'INTERNAL', what: 'machine code was made of something else' });
}
