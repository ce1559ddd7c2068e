import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { eventually, isAlive } from "../support/server.ts";
import {
	endProcessesWith,
	FIXTURE,
	missing,
	runScript,
	sharedServer,
	WineServer,
} from "./wine.ts";

setDefaultTimeout(120_000);

/** Milliseconds that Linux may take to end what wine has ended. */
const KILL = 1000;

describe.skipIf(missing !== undefined)(
	"under Windows, process_terminate",
	() => {
		const shared = sharedServer();

		it("ends a whole tree by force, at once", async () => {
			const wine = shared();
			const pid = await wine.launch("tree");
			await wine.membersAre(4);
			expect(
				await wine.server.ok("process_terminate", { pid, force: true }),
			).toMatchObject({ terminationReason: "forced", survivors: [] });
			await wine.membersAre(0, KILL);
			expect(await wine.server.ok("process_get_status", { pid })).toMatchObject(
				{
					state: "stopped",
					exitCode: 137,
					termination: { cause: "terminated" },
				},
			);
		});

		it("asks first, and a program may end in its own way", async () => {
			const wine = shared();
			const pid = await wine.launch("graceful");
			await wine.server.waitForOutput(pid, "ready");
			expect(
				await wine.server.ok("process_terminate", { pid, timeout: 20_000 }),
			).toMatchObject({
				terminationReason: "graceful",
				exitCode: 7,
				survivors: [],
			});
			expect(await wine.server.outputOf(pid)).toMatchObject({
				stdout: "ready\nevent 0\n",
			});
		});

		it("asks also where the client made the server ignore Ctrl+C", async () => {
			await using wine = await WineServer.start({}, { RELAY_GROUP: "1" });
			const pid = await wine.launch("graceful");
			await wine.server.waitForOutput(pid, "ready");
			expect(
				await wine.server.ok("process_terminate", { pid, timeout: 20_000 }),
			).toMatchObject({ terminationReason: "graceful", exitCode: 7 });
		});

		it("asks every member, and asks nobody else", async () => {
			const wine = shared();
			const other = await wine.launch("wait");
			const pid = await wine.launch("leave-twice");
			// Who is still starting does not hear yet that it is asked.
			await wine.server.waitForOutput(pid, "ready\n".repeat(2));
			await wine.membersAre(3);
			expect(
				await wine.server.ok("process_terminate", { pid, timeout: 20_000 }),
			).toMatchObject({ terminationReason: "graceful", survivors: [] });
			await wine.membersAre(1);
			expect(
				await wine.server.ok("process_get_status", { pid: other }),
			).toMatchObject({ state: "running" });
		});

		it("kills what does not end when asked", async () => {
			const wine = shared();
			const pid = await wine.launch("stubborn");
			await wine.server.waitForOutput(pid, "ready");
			expect(
				await wine.server.ok("process_terminate", { pid, timeout: 1500 }),
			).toMatchObject({ terminationReason: "forced", exitCode: 137 });
			await wine.membersAre(0, KILL);
		});

		it.each(["leave", "detach", "break-away", "leave-twice"])(
			"ends what a program left by %s",
			async (mode) => {
				const wine = shared();
				const pid = await wine.launch(mode);
				if (mode === "leave") await wine.server.waitForEnd(pid);
				else await wine.server.waitForOutput(pid, "ready");
				// Breaking away fails, or stays in the job.
				const left = wine.members().length;
				expect(left).toBeGreaterThan(0);
				expect(
					await wine.server.ok("process_terminate", { pid, force: true }),
				).toMatchObject({ survivors: [] });
				await wine.membersAre(0, KILL);
			},
		);
	},
);

describe.skipIf(missing !== undefined)("under Windows, a tree", () => {
	it("is known without a Job Object, and without its first process", () => {
		const token = `token-${crypto.randomUUID()}`;
		const { stdout, stderr } = runScript("trees.ts", FIXTURE, token);
		try {
			expect(JSON.parse(stdout), stderr).toMatchObject({
				withoutJob: {
					sample: { processCount: 4, threadCount: expect.any(Number) },
					askedAll: true,
					isGone: true,
					exitCode: 137,
					after: null,
				},
				late: 1,
			});
		} finally {
			endProcessesWith(token);
		}
	});

	it("is whole although its first process ends at once, again and again", async () => {
		await using wine = await WineServer.start({ maxConcurrentProcesses: 20 });
		const pids: number[] = [];
		for (let count = 0; count < 12; count++)
			pids.push(await wine.launch("leave"));
		await wine.membersAre(pids.length);
		for (const pid of pids)
			await wine.server.ok("process_terminate", { pid, force: true });
		await wine.membersAre(0, KILL);
	});
});

describe.skipIf(missing !== undefined)("under Windows, a timeout", () => {
	it("ends the tree, and is the cause", async () => {
		await using wine = await WineServer.start();
		const pid = await wine.launch("tree", { timeout: 1000 });
		expect(await wine.server.waitForEnd(pid)).toMatchObject({
			state: "crashed",
			termination: { cause: "timeout" },
		});
		await wine.membersAre(0);
	});
});

describe.skipIf(missing !== undefined)(
	"under Windows, the server's end",
	() => {
		it.each([
			["tree", 4],
			["detach", 2],
			["stubborn", 1],
		] as const)("by force ends a %s within a second", async (mode, count) => {
			await using wine = await WineServer.start();
			await wine.launch(mode);
			await wine.membersAre(count);
			process.kill(wine.pid, "SIGKILL");
			await wine.membersAre(0, 1000);
		});

		// The client's console goes with it. Under a wine that has only just started,
		// somebody may live on after that; it is not known why.
		it("comes with its client's, also by force", { retry: 2 }, async () => {
			await using wine = await WineServer.start();
			await wine.launch("tree");
			await wine.membersAre(4);
			const { pid } = wine;
			process.kill(wine.server.pid, "SIGKILL");
			await wine.membersAre(0, 5000);
			await eventually(
				() => (isAlive(pid) ? undefined : true),
				"the server to end",
			);
		});

		it("comes with the end of its input, and with it that of all trees, in time", async () => {
			await using wine = await WineServer.start();
			for (const mode of ["tree", "stubborn", "detach", "leave", "graceful"])
				await wine.launch(mode);
			await wine.membersAre(9);
			const { pid } = wine;
			const began = performance.now();
			await wine.server.client.close();
			await eventually(
				() => (isAlive(pid) ? undefined : true),
				"the server to end",
			);
			expect(performance.now() - began).toBeLessThan(5000);
			await wine.membersAre(0, KILL);
		});
	},
);
