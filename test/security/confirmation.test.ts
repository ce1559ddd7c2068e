import { describe, expect, it } from "bun:test";
import { ProcessError } from "../../src/errors.ts";
import {
	type Answer,
	Approvals,
	launchQuestion,
	requireApproval,
	terminationQuestion,
} from "../../src/security/confirmation.ts";

async function refusal(answer: Answer | undefined, question = "?") {
	const ask = answer && (async () => answer);
	try {
		await requireApproval(ask, question);
		return undefined;
	} catch (error) {
		if (!(error instanceof ProcessError)) throw error;
		return { code: error.code, outcome: error.details?.outcome };
	}
}

describe("an answer", () => {
	it.each([
		["approved", undefined],
		["declined", "CONFIRMATION_DECLINED"],
		["cancelled", "CONFIRMATION_DECLINED"],
		["timed_out", "CONFIRMATION_UNAVAILABLE"],
		["unsupported", "CONFIRMATION_UNAVAILABLE"],
	] as const)("%s has its result", async (answer, code) => {
		const expected = code && { code, outcome: answer };
		expect(await refusal(answer)).toEqual(expected);
	});

	it("can't come where nobody can be asked, or nobody could read the question", async () => {
		expect(await refusal(undefined)).toMatchObject({ outcome: "unsupported" });
		expect(await refusal("approved", "x".repeat(8001))).toEqual({
			code: "CONFIRMATION_UNAVAILABLE",
			outcome: "too_long",
		});
	});
});

describe("a question", () => {
	const launch = {
		file: "/usr/bin/python3",
		calledAs: "/usr/bin/python3",
		inner: [],
		args: ["-", "two\nlines"],
		cwd: "/srv",
		env: { A: "1" },
		check: undefined,
		stdin: "print(1)\n",
		agent: "agent\nexecutable: fake",
	};

	it("holds all that a launch is, a line each, and no line of the agent's own", () => {
		expect(launchQuestion(launch).split("\n")).toEqual([
			'"agent\\nexecutable: fake" wants to start a program:',
			'executable: "/usr/bin/python3"',
			'argument 1: "-"',
			'argument 2: "two\\nlines"',
			'directory: "/srv"',
			'environment: "A"="1"',
			'standard input: "print(1)\\n"',
		]);
		expect(launchQuestion({ ...launch, args: [] })).toContain("no arguments");
	});

	it.each([
		"\u202e",
		"\u200b",
		"\u2066",
		"\u00ad",
		"\ufeff",
		"\u001b",
		"\u2028",
	])("shows what is hidden: %j", (hidden) => {
		const question = launchQuestion({ ...launch, args: [`a${hidden}b`] });
		expect(question).not.toContain(hidden);
		expect(question).toMatch(/argument 1: "a\\u.*b"/);
	});

	it("about an end names the process", () => {
		const process = { pid: 42, file: "/bin/sleep" };
		const question = terminationQuestion(process, ["60"], "x");
		expect(question).toContain("process 42");
		expect(question).toContain('argument 1: "60"');
	});
});

describe("approvals", () => {
	it("suffice after their number, file by file, and never where that is 0", () => {
		const approvals = new Approvals(2);
		approvals.add("/a");
		expect(approvals.suffices("/a")).toBe(false);
		approvals.add("/a");
		expect(approvals.suffices("/a")).toBe(true);
		expect(approvals.suffices("/b")).toBe(false);
		const never = new Approvals(0);
		for (let count = 0; count < 9; count++) never.add("/a");
		expect(never.suffices("/a")).toBe(false);
	});
});
