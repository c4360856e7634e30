/** What is kept of a model in the cache folder: its kernels, or its packed weights too. */
export type Prepared = "nothing" | "kernels" | "weights";
