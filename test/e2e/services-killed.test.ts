import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/schema.ts";
import { linesOf } from "../support/audit.ts";
import { PYTHON } from "../support/programs.ts";
import { type Action, isAlive, TestServer } from "../support/server.ts";
import { until, viewOf } from "../support/services.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["sleep", PYTHON],
	argumentValidation: "literal",
};

/** What the audit log says of a process, in order, without its launch. */
function recordsOf(server: TestServer, pid: number): string[] {
	return linesOf(join(server.folder, "audit.log"))
		.filter((line) => line.pid === pid && line.operation !== "launch")
		.map(({ operation, result }) => `${operation} ${result}`);
}

describe.skipIf(process.platform === "win32")(
	"a service whose process somebody else kills",
	() => {
		it("is recorded as that, and not as ended by the server", async () => {
			await using server = await TestServer.start(CONFIG);
			const { pid } = await server.ok("process_start_service", {
				name: "victim",
				executable: "sleep",
				args: ["600"],
				restartPolicy: { backoffMs: 100 },
			});
			process.kill(pid, "SIGKILL");
			await until(
				server,
				"victim",
				(view) => view.state === "running" && view.pid !== pid,
			);
			expect(recordsOf(server, pid)).toEqual([
				"exit signaled",
				"restart scheduled",
			]);
		});

		it("has what that left behind ended in the manner that is recorded", async () => {
			await using server = await TestServer.start(CONFIG);
			const { pid } = await server.ok("process_start_service", {
				name: "family",
				executable: PYTHON,
				args: [
					"-uc",
					"import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid); time.sleep(600)",
				],
				restartPolicy: { backoffMs: 100 },
			});
			const { match } = await server.ok("process_wait", {
				pid,
				pattern: "^\\d+$",
			});
			process.kill(pid, "SIGKILL");
			await until(
				server,
				"family",
				(view) => view.state === "running" && view.pid !== pid,
			);
			expect(isAlive(Number(match))).toBe(false);
			// That the tree is gone is heard by two at once.
			expect(recordsOf(server, pid).toSorted()).toEqual([
				"exit signaled",
				"restart scheduled",
				"terminate graceful",
			]);
		});
	},
);

describe("a service about which the user is still asked", () => {
	/** A user who answers when the test says so, and what they were asked. */
	function hesitant() {
		const asked = Promise.withResolvers<string>();
		const answer = Promise.withResolvers<Action>();
		const onAsk = (question: string) => {
			asked.resolve(question);
			return answer.promise;
		};
		return { asked: asked.promise, answer, onAsk };
	}

	const start = { name: "wanted", executable: "sleep", args: ["600"] };

	it("can be stopped, and does not start whatever the answer", async () => {
		const { asked, answer, onAsk } = hesitant();
		await using server = await TestServer.start(
			{ ...CONFIG, requireConfirmation: true },
			{ onAsk },
		);
		const starting = server.fails("process_start_service", start);
		expect(await asked).toContain("600");
		expect((await viewOf(server, "wanted")).state).toBe("starting");
		expect(
			await server.ok("process_stop_service", { serviceId: "wanted" }),
		).toMatchObject({ serviceId: "wanted", survivors: [] });
		expect((await starting).code).toBe("PROCESS_NOT_RUNNING");
		answer.resolve("accept");
		await server.client.ping();
		const { processes, services } = await server.ok("process_list");
		expect(processes).toEqual([]);
		expect(services).toEqual([]);
		const launches = linesOf(join(server.folder, "audit.log")).filter(
			({ operation, result }) => operation === "launch" && result === "started",
		);
		expect(launches).toEqual([]);
	});

	it("has the question taken back with the stop, and can be started anew", async () => {
		const questions: string[] = [];
		const [asked, takenBack] = [
			Promise.withResolvers<void>(),
			Promise.withResolvers<Action>(),
		];
		await using server = await TestServer.start(
			{ ...CONFIG, requireConfirmation: true, maxConcurrentProcesses: 1 },
			{
				onAsk: (question, signal) => {
					questions.push(question);
					if (questions.length > 1) return "accept";
					signal.onabort = () => takenBack.resolve("accept");
					asked.resolve();
					return takenBack.promise;
				},
			},
		);
		const starting = server.fails("process_start_service", start);
		await asked.promise;
		await server.ok("process_stop_service", { serviceId: "wanted" });
		await starting;
		await takenBack.promise;
		const { pid } = await server.ok("process_start_service", start);
		expect(isAlive(pid)).toBe(true);
		expect(questions).toHaveLength(2);
	});
});
