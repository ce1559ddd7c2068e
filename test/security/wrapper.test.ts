import { describe, expect, it } from "bun:test";
import {
	type Inner,
	innerCommand,
	isWrapper,
} from "../../src/security/wrapper.ts";

/** What a command line starts, in short: the inner command line, or that it cannot be told. */
function inner(line: string): string {
	const [name = "", ...args] = line.split(" ");
	const result: Inner = innerCommand(name, args);
	if (result.kind !== "command") return result.kind;
	const set = Object.entries(result.env).map(
		([key, value]) => `${key}=${value}`,
	);
	return [...set, result.executable, ...result.args].join(" ");
}

describe("a wrapper", () => {
	it.each(
		"env xargs nice nohup timeout setsid stdbuf script watch parallel flock".split(
			" ",
		),
	)("is %s", (name) => {
		expect(isWrapper(name)).toBe(true);
	});

	it("is nothing else", () => {
		for (const name of [
			"node",
			"constructor",
			"__proto__",
			"toString",
			"",
			"envy",
		])
			expect([name, isWrapper(name)]).toEqual([name, false]);
	});
});

describe("the inner command", () => {
	it.each([
		["env node -v", "node -v"],
		["env A=1 B=x=y node", "A=1 B=x=y node"],
		["env -v A=1 node", "A=1 node"],
		["env -u HOME node", "node"],
		["env -uHOME node", "node"],
		["env --unset=HOME --unset TERM node", "node"],
		["env -- A=1 node", "A=1 node"],
		["nice node", "node"],
		["nice -n 5 node -e", "node -e"],
		["nice -n5 node", "node"],
		["nice --adjustment=5 node", "node"],
		["nice --adjustment 5 node", "node"],
		["nohup node x", "node x"],
		["nohup -- node", "node"],
		["timeout 5 node", "node"],
		["timeout -s KILL 5 sh", "sh"],
		["timeout -sKILL -k 1 5 sh -c id", "sh -c id"],
		["timeout --signal=KILL --kill-after=1 --foreground 5 sh", "sh"],
		["timeout -- 5 sh", "sh"],
		["setsid -f -w node", "node"],
		["stdbuf -oL -e 0 node", "node"],
		["stdbuf --output=L node", "node"],
		["flock /tmp/lock node", "node"],
		["flock -n -w 5 /tmp/lock node", "node"],
		["watch -x node", "node"],
		["watch -n 1 -x node", "node"],
		["watch -n1 --exec node", "node"],
		["xargs node -e", "node -e"],
		["xargs -0 -n 1 -P4 node", "node"],
		["xargs -d , node", "node"],
	])("of %j is %j", (line, expected) => {
		expect(inner(line)).toBe(expected);
	});

	it.each([
		"env -S sh",
		"env -Ssh",
		"env --split-string=sh",
		"env -vS sh",
		"env -iS sh",
		"env -C /tmp ./node",
		"env --chdir=/tmp ./node",
		"env --uns HOME sh",
		"env -a sh node",
		"env --argv0=sh node",
		"nice -5 sh",
		"nice --adj=5 sh",
		"nice - sh",
		"timeout -x 5 sh",
		"timeout --sig=KILL 5 sh",
		"setsid --unknown sh",
		"stdbuf -x sh",
		"xargs -a file sh",
		"xargs --arg-file=file sh",
		"xargs -i sh",
		"xargs --replace sh",
		"xargs",
		"xargs -0",
		"flock -c id",
		"flock --command id",
		"watch id",
		"watch -n 1 sh",
		"watch -d id",
		"watch --no-title id",
		"script -c id",
		"script --command=id",
		"script",
		"script /tmp/x",
		"script -qc id /dev/null",
		"parallel sh",
		"parallel",
		"parallel -X sh",
		"nohup",
		"watch -x",
		"nohup --help sh",
	])("of %j cannot be told", (line) => {
		expect(inner(line)).toBe("opaque");
	});

	it.each([
		["flock /tmp/lock -c id", "-c id"],
		["flock /tmp/lock --command id", "--command id"],
		["timeout 5 -s KILL sh", "-s KILL sh"],
		["env A=1 -S sh", "A=1 -S sh"],
	])("of %j is not read past its place", (line, expected) => {
		expect(inner(line)).toBe(expected);
	});

	it.each([
		"env",
		"env -i",
		"env A=1",
		"nice",
		"timeout 5",
		"setsid",
		"env --help",
		"nice --version",
		"xargs --help",
		"watch --version",
	])("of %j is none", (line) => {
		expect(inner(line)).toBe("none");
	});

	// Without PATH the C library searches its own default, not the server's PATH.
	it.each([
		"env -i node",
		"env - node",
		"env --ignore-environment node",
		"env -u PATH node",
		"env -uPATH node",
		"env --unset=PATH node",
		"env --unset PATH node",
		"env -i A=1 node",
	])(
		"of %j cannot be told, as the search for it is no longer the server's",
		(line) => {
			expect(inner(line)).toBe("opaque");
		},
	);

	it("is told without PATH where it is a path", () => {
		expect(inner("env -i /usr/bin/node")).toBe("/usr/bin/node");
		expect(inner("env -u PATH ./node")).toBe("./node");
	});

	// xargs puts its input in the place of the string, also where that names a program.
	it.each([
		"xargs -I node nice node",
		"xargs -I{} env {}",
		"xargs -I node timeout 5 node",
	])("of %j cannot be told, as input takes its place", (line) => {
		expect(inner(line)).toBe("opaque");
	});
});
