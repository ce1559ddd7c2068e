import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The loader and C library of musl, which Debian's package `musl` has. */
export const MUSL = "/lib/ld-musl-x86_64.so.1";

/** Why the program for musl can't be run here; undefined where it can. */
export function muslMissing(): string | undefined {
	if (!existsSync(MUSL)) return "linux-x64-musl: musl is not installed";
	if (Bun.which("nm") === null || archive() === undefined)
		return "linux-x64-musl: GNU's C++ compiler is not installed";
	return undefined;
}

function run(...command: readonly string[]): string {
	const { success, stdout, stderr } = Bun.spawnSync([...command]);
	if (!success) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
	return stdout.toString();
}

/** The compiler's static C++ library. */
function archive(): string | undefined {
	if (Bun.which("g++") === null) return undefined;
	const path = run("g++", "-print-file-name=libstdc++.a").trim();
	return path.startsWith("/") ? path : undefined;
}

/** What the static library expects of glibc and musl does not have. */
const SHIM = `
#include <stddef.h>
char __libc_single_threaded = 0;
int _dl_find_object(void *pc, void *result) { return -1; }
long getrandom(void *, size_t, unsigned);
unsigned arc4random(void) { unsigned n; getrandom(&n, sizeof n, 0); return n; }
__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;
`;

/**
 * Makes a libstdc++.so.6 for musl, which no package of Debian's has: what the
 * program asks of it is linked out of the compiler's static library, which uses
 * little of the C library. Returns its folder.
 */
export function makeStandardLibrary(binary: string, folder: string): string {
	const target = join(folder, "musl");
	mkdirSync(target, { recursive: true });
	const source = join(target, "shim.c");
	const object = join(target, "shim.o");
	writeFileSync(source, SHIM);
	run("gcc", "-c", "-fPIC", "-O1", "-o", object, source);
	const library = archive() ?? "";
	const offered = new Set([
		...symbols(run("nm", "--defined-only", "--extern-only", library)),
	]);
	const wanted = symbols(run("nm", "--dynamic", binary)).filter((symbol) =>
		offered.has(symbol),
	);
	const compiler = dirname(library);
	run(
		"gcc",
		...["-shared", "-nostdlib", "-Wl,-soname,libstdc++.so.6"],
		...["-o", join(target, "libstdc++.so.6")],
		...wanted.map((symbol) => `-Wl,-u,${symbol}`),
		...[object, library],
		...[join(compiler, "libgcc_eh.a"), join(compiler, "libgcc.a")],
	);
	return target;
}

/** The names in a listing of nm's, without versions. */
function symbols(listing: string): string[] {
	return listing
		.split("\n")
		.map((line) => line.trim().split(/\s+/).at(-1)?.replace(/@.*/, "") ?? "")
		.filter((name) => name !== "" && !name.endsWith(":"));
}
