/** Declaration of the module that tools/runtime.mjs generates. */

/** The compiled map kernels, base64. */
export declare const RUNTIME_WASM: string;
