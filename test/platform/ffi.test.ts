import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { cString, loadedLibc, openLinuxLibc } from "../../src/platform/ffi.ts";

const line = (path: string) =>
	`7f2c3a600000-7f2c3a628000 r--p 00000000 fe:01 1835       ${path}\n`;

const OTHERS = [
	"/usr/lib/x86_64-linux-gnu/libm.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/lib/libc.so.6.txt",
	"/home/me/libc.so.6/notes",
	"/home/me/mylibc.so.6",
	"[heap]",
	"[stack]",
]
	.map(line)
	.join("");

describe("loadedLibc", () => {
	it.each([
		"/usr/lib/x86_64-linux-gnu/libc.so.6",
		"/lib/aarch64-linux-gnu/libc.so.6",
		"/lib64/libc.so.6",
		"/lib/x86_64-linux-gnu/libc-2.31.so",
		"/lib/ld-musl-x86_64.so.1",
		"/lib/ld-musl-aarch64.so.1",
		"/lib/libc.musl-x86_64.so.1",
		"/usr/lib/x86_64-linux-musl/libc.so",
		"/nix/store/abc-glibc-2.40/lib/libc.so.6",
	])("finds %s", (path) => {
		expect(loadedLibc(`${OTHERS}${line(path)}${OTHERS}`)).toBe(path);
	});

	it("finds nothing where there is none", () => {
		expect(loadedLibc(OTHERS)).toBeUndefined();
		expect(loadedLibc("")).toBeUndefined();
	});

	it("does not take a bare name, which would be looked for in the current directory", () => {
		expect(loadedLibc(line("libc.so.6"))).toBeUndefined();
	});

	it.skipIf(process.platform !== "linux")("finds the one loaded here", () => {
		const path = loadedLibc(readFileSync("/proc/self/maps", "utf8"));
		expect(path && isAbsolute(path)).toBe(true);
		const libc = openLinuxLibc();
		// _SC_PAGESIZE, sysconf(3)
		expect(Number(libc.sysconf(30)) % 4096).toBe(0);
	});
});

describe("cString", () => {
	it("ends with a NUL, in UTF-8", () => {
		expect([...cString("é")]).toEqual([0xc3, 0xa9, 0]);
		expect([...cString("")]).toEqual([0]);
	});
});
