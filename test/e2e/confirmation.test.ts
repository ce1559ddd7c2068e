import { describe, expect, it } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Action, Scratch, TestServer } from "../support/server.ts";

const CONFIG = {
	allowedExecutables: ["sleep", "true", "echo", "env"],
	requireConfirmation: true,
};

/** Answers one question after the other, and keeps them. */
function user(...answers: Action[]) {
	const questions: string[] = [];
	return {
		questions,
		onAsk: (question: string): Action => {
			questions.push(question);
			return answers[questions.length - 1] ?? "decline";
		},
	};
}

describe("a launch that the user has to confirm", () => {
	it("shows exactly what will run, and runs it once it is approved", async () => {
		const { questions, onAsk } = user("accept");
		await using server = await TestServer.start(
			{ ...CONFIG, argumentValidation: "literal" },
			{ onAsk },
		);
		const { pid } = await server.ok("process_start", {
			executable: "echo",
			args: ["a b", "\u202Egnp.exe\u001b[2J\n"],
			env: { MODE: "x" },
		});
		const [question = ""] = questions;
		const lines = question.split("\n");
		expect(lines).toContain(`executable: ${JSON.stringify(Bun.which("echo"))}`);
		expect(lines).toContain('argument 1: "a b"');
		expect(lines).toContain(`directory: ${JSON.stringify(server.folder)}`);
		expect(lines).toContain('environment: "MODE"="x"');
		// What turns the direction of text or commands a terminal is written out.
		for (const hidden of ["\u202E", "\u001b"])
			expect(question).not.toContain(hidden);
		expect(question).toContain("\\u{202e}gnp.exe\\u001b[2J\\n");
		await server.waitForEnd(pid);
		const exact = { pid, stripAnsi: false };
		const { stdout } = await server.ok("process_get_output", exact);
		expect(stdout).toBe("a b \u202Egnp.exe\u001b[2J\n\n");
	});

	it.each([
		["decline", "CONFIRMATION_DECLINED", "declined"],
		["cancel", "CONFIRMATION_DECLINED", "cancelled"],
	] as const)("is refused on %s", async (action, code, outcome) => {
		await using server = await TestServer.start(CONFIG, user(action));
		const refusal = await server.fails("process_start", { executable: "true" });
		expect(refusal.code).toBe(code);
		expect(refusal.details).toMatchObject({ outcome, layer: "confirmation" });
		const { processes } = await server.ok("process_list");
		expect(processes).toEqual([]);
		const log = readFileSync(join(server.folder, "audit.log"), "utf8");
		expect(log).toContain(code);
	});

	it("is refused where the client can't ask", async () => {
		await using server = await TestServer.start(CONFIG);
		const refusal = await server.fails("process_start", { executable: "true" });
		expect(refusal.code).toBe("CONFIRMATION_UNAVAILABLE");
		expect(refusal.details).toMatchObject({ outcome: "unsupported" });
	});

	it("is refused where the question would be too long to be read", async () => {
		const { questions, onAsk } = user("accept");
		await using server = await TestServer.start(CONFIG, { onAsk });
		const refusal = await server.fails("process_start", {
			executable: "echo",
			args: ["x".repeat(9000), "--and-then-something-else"],
		});
		expect(refusal.code).toBe("CONFIRMATION_UNAVAILABLE");
		expect(questions).toEqual([]);
	});

	it("asks for each launch anew", async () => {
		const { questions, onAsk } = user("accept", "decline", "accept");
		await using server = await TestServer.start(CONFIG, { onAsk });
		const start = { executable: "true" };
		const results = await Promise.allSettled([
			server.ok("process_start", start),
			server.ok("process_start", start),
			server.ok("process_start", start),
		]);
		expect(questions).toHaveLength(3);
		expect(results.map(({ status }) => status).sort()).toEqual([
			"fulfilled",
			"fulfilled",
			"rejected",
		]);
	});

	it("is not asked about any more after autoApproveAfterCount approvals of the file", async () => {
		const { questions, onAsk } = user("accept", "accept", "decline");
		await using server = await TestServer.start(
			{ ...CONFIG, autoApproveAfterCount: 2 },
			{ onAsk },
		);
		for (let count = 0; count < 4; count++)
			await server.ok("process_start", { executable: "true" });
		expect(questions).toHaveLength(2);
		// Another file has approvals of its own.
		await server.fails("process_start", { executable: "echo" });
		expect(questions).toHaveLength(3);
	});

	it("starts nothing else when the file was changed while the user was asked", async () => {
		using scratch = new Scratch();
		const script = scratch.write("tool", "#!/usr/bin/env node\n", 0o755);
		const onAsk = (): Action => {
			writeFileSync(script, "#!/usr/bin/env node\nprocess.exit(7)\n");
			return "accept";
		};
		await using server = await TestServer.start(
			{ allowedExecutables: [script], requireConfirmation: true },
			{ onAsk },
		);
		const refusal = await server.fails("process_start", { executable: script });
		expect(refusal.message).toContain("changed while the user was asked");
	});

	it("is asked about for the files of requireConfirmationFor alone, also behind a wrapper", async () => {
		const { questions, onAsk } = user("accept", "accept");
		await using server = await TestServer.start(
			{
				allowedExecutables: ["sleep", "true", "env"],
				requireConfirmationFor: ["true"],
			},
			{ onAsk },
		);
		await server.ok("process_start", { executable: "sleep", args: ["0"] });
		expect(questions).toHaveLength(0);
		await server.ok("process_start", { executable: "true" });
		await server.ok("process_start", { executable: "env", args: ["true"] });
		expect(questions).toHaveLength(2);
	});

	it("is given up with the call", async () => {
		const asked = Promise.withResolvers<void>();
		const answer = Promise.withResolvers<Action>();
		await using server = await TestServer.start(CONFIG, {
			onAsk: () => {
				asked.resolve();
				return answer.promise;
			},
		});
		const abort = new AbortController();
		const call = server.client.callTool(
			{ name: "process_start", arguments: { executable: "true" } },
			undefined,
			{ signal: abort.signal },
		);
		await asked.promise;
		abort.abort();
		await expect(call).rejects.toThrow();
		answer.resolve("accept");
		await server.client.ping();
		const { processes } = await server.ok("process_list");
		expect(processes).toEqual([]);
	});
});

describe("requireTerminationConfirmation", () => {
	it("ends a process only when the user approves", async () => {
		const { questions, onAsk } = user("decline", "accept");
		await using server = await TestServer.start(
			{ allowedExecutables: ["sleep"], requireTerminationConfirmation: true },
			{ onAsk },
		);
		const { pid } = await server.ok("process_start", {
			executable: "sleep",
			args: ["1000"],
		});
		const refusal = await server.fails("process_terminate", { pid });
		expect(refusal.code).toBe("CONFIRMATION_DECLINED");
		const status = await server.ok("process_get_status", { pid });
		expect(status.state).toBe("running");
		await server.ok("process_terminate", { pid });
		expect(questions[0]).toContain(`process ${pid}`);
	});
});
