/** The source of a WGSL file, inlined by the build and by the test runner. */
declare module "*.wgsl" {
  const source: string;
  export default source;
}
