/**
 * What is kept of a model in the cache folder: its kernels, or its packed weights too. Not beside the store: public types reach
 * this one, and a user's project may lack the types of WebAssembly.
 */
export type Prepared = "nothing" | "kernels" | "weights";
