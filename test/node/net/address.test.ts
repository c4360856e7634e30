/** Addresses: passwords go into a header and nowhere else; proxies hold for our requests and for ffmpeg alike. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { shownAddress, splitLogin, withoutLogin, withoutSecrets } from "../../../src/api/address.js";
import { download } from "../../../src/node/net/download.js";
import { ffmpegEnvironment, proxyFor, proxySettings } from "../../../src/node/net/proxy.js";
import { load } from "../../../src/node.js";
import { EXAMPLE } from "../../cli/support.js";
import { rejection, withServer } from "../server.js";

const basic = (login: string): string => `Basic ${Buffer.from(login).toString("base64")}`;

afterEach(() => void vi.unstubAllEnvs());

describe("addresses as shown", () => {
  it.each([
    ["http://me:secret@host/a.jpg", "http://me:***@host/a.jpg"],
    ["https://token@host/w.pt", "https://***@host/w.pt"],
    ["rtsp://me:se@cr:et@host:554/1", "rtsp://me:***@host:554/1"],
    ["http://me:se/cret@host/x", "http://me:***@host/x"],
    ["ftp://:secret@host", "ftp://:***@host"],
    ["http://host/@me/a.jpg", "http://host/@me/a.jpg"],
    ["http://host/snap.cgi?user=me&pwd=secret&n=1", "http://host/snap.cgi?user=me&pwd=***&n=1"],
    ["https://host/w.pt?X-Amz-Signature=secret", "https://host/w.pt?X-Amz-Signature=***"],
    ["https://host/w.pt?access_token=secret#a", "https://host/w.pt?access_token=***#a"],
    ["dir/a@b.jpg", "dir/a@b.jpg"],
  ])("%s", (address, shown) => expect(shownAddress(address)).toBe(shown));

  it("hide secrets in quoted messages too, and in file names altogether", () => {
    expect(withoutSecrets("cannot open 'http://a:secret@h/x': gone; rtsp://b:secret@h")).toBe(
      "cannot open 'http://a:***@h/x': gone; rtsp://b:***@h",
    );
    expect(withoutLogin("rtsp://me:***@host/1")).toBe("rtsp://host/1");
  });
});

describe("user and password", () => {
  it.each([
    ["http://me:p%40ss@host/", "me:p@ss"],
    ["http://me:100%@host/", "me:100%"],
    ["http://m%C3%BCller:%E2%82%AC@host/", "müller:€"],
    ["http://token@host/", "token:"],
    [`http://${"t".repeat(300_000)}@host/`, `${"t".repeat(300_000)}:`],
  ])("%.60s becomes a header", (address, login) => {
    expect(splitLogin(address)).toEqual({ url: "http://host/", authorization: basic(login) });
  });

  it("reach the server, but no other host that it redirects to", async () => {
    const seen: (string | undefined)[] = [];
    await withServer(
      (request, response) => {
        seen.push(request.headers.authorization);
        response.end("other");
      },
      (other) =>
        withServer(
          (request, response) => {
            seen.push(request.headers.authorization);
            response.writeHead(302, { location: request.url === "/a" ? "/b" : other }).end();
          },
          async (url) => {
            const bytes = await download(`${url.replace("//", "//me:secret@")}/a`);
            expect(Buffer.from(bytes).toString()).toBe("other");
          },
        ),
    );
    expect(seen).toEqual([basic("me:secret"), basic("me:secret"), undefined]);
  });

  it("are not shown in messages about refused, unknown and damaged files", async () => {
    await withServer(
      ({ url = "" }, response) => {
        if (url === "/digest") response.writeHead(401, { "www-authenticate": 'Digest realm="x"' }).end();
        else if (url.startsWith("/no")) response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        else response.end("neither model nor picture");
      },
      async (url) => {
        const at = (path: string): string => url.replace("//", "//me:secret@") + path;
        const shown = url.replace("//", "//me:***@");
        expect((await rejection(download(at("/no")))).message).toBe(
          `${shown}/no: the server answered 401 Unauthorized; give user and password as in http://user:password@host/…`,
        );
        expect((await rejection(download(at("/digest")))).message).toMatch(/requires Digest authentication/);
        const errors = [
          await rejection(load(at("/w.pt"), { backend: "cpu" })),
          await rejection(load(new URL(at("/w.pt")), { backend: "cpu" })),
          await rejection(download("http://me:se/cret@host/x")),
        ];
        const model = await load("codes", { backend: "cpu" });
        errors.push(await rejection(model.detect(at("/x.jpg"))), await rejection(model.detect(at("/x"))));
        model.dispose();
        for (const error of errors) {
          expect(`${error.message} ${JSON.stringify(error)}`).not.toMatch(/secret|se\/cret/);
          expect(error.message).toContain("me:***@");
        }
      },
    );
  });
});

describe("proxies", () => {
  it("are set in upper or lower case, with or without http://; HTTP_PROXY also serves https if HTTPS_PROXY is not set", () => {
    expect(proxySettings({ HTTP_PROXY: "proxy:3128" })).toEqual({
      http: "http://proxy:3128",
      https: "http://proxy:3128",
      none: "",
    });
    expect(proxySettings({ http_proxy: "http://a", HTTP_PROXY: "http://b", HTTPS_PROXY: "http://c" })).toMatchObject({
      http: "http://a",
      https: "http://c",
    });
    expect(proxySettings({ no_proxy: "a, *", HTTP_PROXY: "" })).toEqual({
      http: undefined,
      https: undefined,
      none: "*",
    });
    expect(() => proxySettings({ HTTPS_PROXY: "socks5://me:secret@host:1" })).toThrow(
      'HTTPS_PROXY: "socks5://me:***@host:1" is not an HTTP proxy; write it as http://host:port, or unset it',
    );
  });

  it.each([
    ["http://host/x", "host", undefined],
    ["http://sub.host/x", ".host", undefined],
    ["http://ghost/x", "host", "http://p"],
    ["http://host:81/x", "host:80", "http://p"],
    ["https://host/x", "other host:443", undefined],
    ["http://host/x", "*", undefined],
  ])("%s with NO_PROXY=%s", (address, none, proxy) => {
    const env = { HTTP_PROXY: "http://p", NO_PROXY: none };
    expect(proxyFor(address, proxySettings(env))).toBe(proxy);
    expect(ffmpegEnvironment(address, env).http_proxy).toBe(proxy);
  });

  it("apply to downloads: forwarded, tunnelled for https, skipped for NO_PROXY; a dead proxy is named", async () => {
    const bytes = await readFile(EXAMPLE);
    const asked: string[] = [];
    await withServer(
      (request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"]}`);
        response.end(bytes);
      },
      async (url) => {
        vi.stubEnv("HTTP_PROXY", url.replace("//", "//me:secret@"));
        const model = await load("codes", { backend: "wasm", threads: 1 });
        expect((await model.detect("http://models.test/codes.png")).toJSON()).toMatchObject({ width: 1000 });
        model.dispose();
        expect(asked).toEqual([`GET http://models.test/codes.png ${basic("me:secret")}`]);
        vi.stubEnv("no_proxy", "127.0.0.1");
        expect(await download(`${url}/direct`)).toHaveLength(bytes.length);
        expect(asked.at(-1)).toBe("GET /direct undefined");
      },
    );
    const dead = await rejection(download("http://models.test/w.pt"));
    expect(dead.message).toMatch(/w\.pt: cannot be reached through the proxy http:\/\/me:\*\*\*@\S+ \(ECONNREFUSED\)$/);
    const proxy = createServer();
    proxy.on("connect", (request, socket) => socket.end(`HTTP/1.1 502 ${request.url}\r\n\r\n`));
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    vi.stubEnv("HTTPS_PROXY", `127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    const tunnel = await rejection(download("https://models.test/w.pt"));
    expect(tunnel.message).toMatch(/w\.pt: cannot be reached through the proxy \S+ \(.*502.*\)$/);
    proxy.close();
  });
});
