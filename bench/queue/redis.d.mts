export function redisInstalled(): boolean;
export const NO_REDIS: string;
export interface RedisServer {
  readonly url: string;
  readonly pid: () => number;
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}
export function startRedis(folder: string, fsync?: "everysec" | "always"): Promise<RedisServer>;
