/** Alternative engines, and whether they are installed in `bench/peers`. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../node/packageRoot.js";

export interface PeerKind {
  /** npm package name. */
  readonly engine: string;
  /** Execution provider. */
  readonly backend: string;
  /** Computes on the CPU, so `--threads` applies. */
  readonly cpu: boolean;
}

const PEERS: readonly PeerKind[] = [
  { engine: "onnxruntime-node", backend: "webgpu", cpu: false },
  { engine: "onnxruntime-web", backend: "webgpu", cpu: false },
  { engine: "onnxruntime-node", backend: "cpu", cpu: true },
  { engine: "onnxruntime-web", backend: "wasm", cpu: true },
];

/** `onnxruntime-node/webgpu`, as the JSON's ratios name it. */
export function peerName({ engine, backend }: PeerKind): string {
  return `${engine}/${backend}`;
}

export const PEER_NAMES: readonly string[] = PEERS.map(peerName);

export const INSTALL_PEERS = "npm ci --prefix bench/peers --ignore-scripts";

/** The folder of the peers; undefined in an installed package, which does not include it. */
export function peersFolder(): string | undefined {
  const folder = join(packageRoot(), "bench", "peers");
  return existsSync(join(folder, "worker.mjs")) ? folder : undefined;
}

/** The packages that are not installed there. */
export function missingIn(folder: string, packages: Iterable<string>): string[] {
  return [...new Set(packages)].filter((name) => !existsSync(join(folder, "node_modules", name)));
}

export interface PeerChoice {
  readonly peers: readonly PeerKind[];
  /** Notes about peers that are not measured, and how to change that. */
  readonly notes: readonly string[];
}

/**
 * Selects the peers to measure.
 * @param wanted names, or empty for all comparable peers: CPU engines always, GPU engines only along with a GPU
 * backend.
 */
export function choosePeers(wanted: readonly string[], gpu: boolean, folder: string | undefined): PeerChoice {
  if (!folder) return { peers: [], notes: ["peers can only be measured from a checkout of the repository"] };
  const chosen = PEERS.filter((peer) => (wanted.length > 0 ? wanted.includes(peerName(peer)) : gpu || peer.cpu));
  const packages = missingIn(
    folder,
    chosen.map(({ engine }) => engine),
  );
  const missing = ({ engine }: PeerKind): boolean => packages.includes(engine);
  const none = packages.length > 0 && chosen.every(missing);
  const notes = packages.length
    ? [
        `${none ? "no peer is" : `${packages.join(", ")} is not`} installed in bench/peers; run "${INSTALL_PEERS}" first`,
      ]
    : [];
  return { peers: chosen.filter((peer) => !missing(peer)), notes };
}
