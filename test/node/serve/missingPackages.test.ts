/** Without the optional packages, starting a server ends with the command that installs them. */

import { expect, test, vi } from "vitest";
import { createServer } from "../../../src/node.js";

vi.mock("../../../src/optionalPackage.js", async (original) => ({
  ...(await original<typeof import("../../../src/optionalPackage.js")>()),
  importOptional: (name: string) =>
    name.startsWith("@grpc/") || missing.has(name)
      ? Promise.reject(new Error(`Cannot find package '${name}'`))
      : import(/* @vite-ignore */ name),
}));

const missing = new Set<string>();

test.each(["fastify", "prom-client"])("without %s", async (name) => {
  missing.add(name);
  await expect(createServer({ port: 0 })).rejects.toThrow(
    `serve needs the optional package ${name}, which is not installed; run "npm install fastify prom-client"`,
  );
  missing.delete(name);
});

test("without gRPC's packages, if a port for it is given", async () => {
  await expect(createServer({ port: 0, grpcPort: 0 })).rejects.toThrow(
    'gRPC needs the optional package @grpc/grpc-js, which is not installed; run "npm install @grpc/grpc-js @grpc/proto-loader"',
  );
});
