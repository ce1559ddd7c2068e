import { describe, expect, it } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import {
	checkDirectory,
	directoryPolicy,
	intendedDirectory,
	isWithin,
} from "../../src/security/directory.ts";
import { Programs, refusalOf } from "../support/policy-gate.ts";

function policyOf(allowed: string[], blocked: string[] = [], own = "/") {
	return directoryPolicy(
		{ allowedWorkingDirectories: allowed, blockedWorkingDirectories: blocked },
		own,
	);
}

function restricted(path: string, policy: ReturnType<typeof policyOf>): string {
	const { code, message, details } = refusalOf(() =>
		checkDirectory(path, policy),
	);
	expect(code).toBe("SECURITY_VIOLATION");
	expect(details).toMatchObject({ violation: "working_directory_restricted" });
	expect(message).toStartWith("Working directory not in allowed list: ");
	return message;
}

describe.skipIf(process.platform === "win32")("isWithin", () => {
	it("knows a directory's boundary from a longer name", () => {
		expect(isWithin("/srv/a", "/srv/a")).toBe(true);
		expect(isWithin("/srv/a/b/c", "/srv/a")).toBe(true);
		expect(isWithin("/srv/ab", "/srv/a")).toBe(false);
		expect(isWithin("/srv", "/srv/a")).toBe(false);
		expect(isWithin("/srv/a", "/")).toBe(true);
		expect(isWithin("/", "/")).toBe(true);
	});

	it("holds for whatever is below, and for nothing that only starts alike", () => {
		const name = fc.stringMatching(/^[a-z0-9._-]{1,8}$/);
		fc.assert(
			fc.property(fc.array(name, { minLength: 1 }), name, (parts, more) => {
				const directory = `/${parts.join("/")}`;
				expect(isWithin(`${directory}/${more}`, directory)).toBe(true);
				expect(isWithin(`${directory}${more}`, directory)).toBe(false);
			}),
		);
	});
});

describe("a working directory", () => {
	it("may be any where none is named", () => {
		using scratch = new Programs();
		expect(checkDirectory(scratch.root, policyOf([]))).toBe(scratch.root);
	});

	it("is one of the allowed ones or below it", () => {
		using scratch = new Programs();
		const [a, inner, ab] = ["a", "a/inner", "ab"].map((name) =>
			scratch.folder(name),
		);
		const policy = policyOf([String(a)]);
		expect(checkDirectory(String(a), policy)).toBe(String(a));
		expect(checkDirectory(String(inner), policy)).toBe(String(inner));
		expect(restricted(String(ab), policy)).toContain(String(ab));
		restricted(scratch.root, policy);
		restricted("/", policy);
	});

	it("is not a blocked one or below it, although allowed", () => {
		using scratch = new Programs();
		const secret = scratch.folder("a/secret/deep");
		const policy = policyOf([scratch.root], [join(scratch.root, "a/secret")]);
		restricted(secret, policy);
		restricted(join(scratch.root, "a/secret"), policy);
		const beside = scratch.folder("a/secrets");
		expect(checkDirectory(beside, policy)).toBe(beside);
	});

	it("is compared after its links are resolved", () => {
		using scratch = new Programs();
		const [inside, outside] = ["in", "out"].map((name) => scratch.folder(name));
		const exit = scratch.link("in/escape", String(outside));
		const policy = policyOf([String(inside)]);
		expect(restricted(exit, policy)).toContain(`really ${outside}`);
		const entry = scratch.link("out/entry", String(inside));
		expect(checkDirectory(entry, policy)).toBe(String(inside));
	});

	it("is held against an allowed link's target, as it was at start", () => {
		using scratch = new Programs();
		const [first, second] = ["first", "second"].map((name) =>
			scratch.folder(name),
		);
		const link = scratch.link("current", String(first));
		const policy = policyOf([link]);
		expect(checkDirectory(link, policy)).toBe(String(first));
		expect(policy.allowed).toEqual([String(first)]);
		restricted(String(second), policy);
	});

	it("is blocked also where the blocked one came to be after the start, below a link", () => {
		using scratch = new Programs();
		const real = scratch.folder("real");
		const link = scratch.link("link", real);
		const policy = policyOf([], [join(link, "secret")]);
		mkdirSync(join(real, "secret"));
		restricted(join(real, "secret"), policy);
		restricted(join(link, "secret"), policy);
	});

	it("is refused where it is not there, is a file, or holds NUL", () => {
		using scratch = new Programs();
		const file = scratch.program("file");
		for (const path of [
			join(scratch.root, "nowhere"),
			file,
			`${scratch.root}\0/x`,
		]) {
			const error = refusalOf(() => checkDirectory(path, policyOf([])));
			expect(error.code).toBe("INVALID_WORKING_DIRECTORY");
			expect(error.message).toContain(JSON.stringify(path));
		}
	});

	it("says what to give in place of a file or of a shell's ~", () => {
		using scratch = new Programs();
		const file = scratch.program("file");
		const remedy = (path: string, allowed: string[]) =>
			refusalOf(() => checkDirectory(path, policyOf(allowed))).remediation;
		expect(remedy(file, [])).toContain(JSON.stringify(dirname(file)));
		expect(remedy(join(scratch.root, "~/src"), [])).toContain("full path");
		const inside = scratch.folder("inside");
		// The file lies outside: no word of it.
		expect(remedy(scratch.link("inside/link", file), [inside])).toBe(
			"Create the directory first, or give another cwd.",
		);
	});

	it("tells nothing of what lies outside the allowed ones", () => {
		using scratch = new Programs();
		const policy = policyOf([scratch.folder("a")]);
		restricted(join(scratch.root, "nowhere"), policy);
		restricted(join(scratch.root, "a/../nowhere"), policy);
	});

	it("that cannot be resolved is refused", () => {
		using scratch = new Programs();
		const loop = join(scratch.root, "loop");
		symlinkSync(loop, loop);
		expect(refusalOf(() => checkDirectory(loop, policyOf([]))).code).toBe(
			"INVALID_WORKING_DIRECTORY",
		);
	});
});

describe("the default directory", () => {
	it("is the server's own where that is allowed", () => {
		using scratch = new Programs();
		expect(policyOf([], [], scratch.root).fallback).toBe(scratch.root);
		const inner = scratch.folder("inner");
		expect(policyOf([scratch.root], [], inner).fallback).toBe(inner);
	});

	it("is else the first allowed one that is there and not blocked", () => {
		using scratch = new Programs();
		const [a, b] = ["a", "b"].map((name) => scratch.folder(name));
		expect(policyOf([String(a), String(b)], [], "/").fallback).toBe(String(a));
		expect(policyOf([String(a), String(b)], [String(a)], "/").fallback).toBe(
			String(b),
		);
		const missing = join(scratch.root, "missing");
		expect(policyOf([missing, String(b)], [], "/").fallback).toBe(String(b));
	});

	it("is none where none is permitted, and then nothing runs", () => {
		using scratch = new Programs();
		const policy = policyOf([scratch.root], [scratch.root], "/");
		expect(policy.fallback).toBeUndefined();
		restricted(intendedDirectory(undefined, policy, "/"), policy);
	});

	it("is where a relative one starts", () => {
		using scratch = new Programs();
		const a = scratch.folder("a");
		const policy = policyOf([a], [], "/");
		expect(intendedDirectory(undefined, policy, "/")).toBe(a);
		expect(intendedDirectory("src", policy, "/")).toBe(join(a, "src"));
		expect(intendedDirectory("/etc", policy, "/")).toBe("/etc");
		restricted(intendedDirectory("..", policy, "/"), policy);
	});
});
