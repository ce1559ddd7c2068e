import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import type { ConfigInput } from "../../src/config/schema.ts";
import { eventually, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["cat", "head", "yes", "sleep", "sh", "seq", "wc"],
	blockShellInterpreters: false,
	argumentValidation: "literal",
	maxOutputBufferSize: 2 ** 20,
	maxConcurrentProcesses: 100,
};

async function pipeline(server: TestServer): Promise<string> {
	const { groupId } = await server.ok("process_create_group", {
		name: "line",
		pipeline: true,
	});
	return groupId;
}

async function stage(
	server: TestServer,
	groupId: string,
	executable: string,
	...args: string[]
): Promise<number> {
	const { pid } = await server.ok("process_start", {
		executable,
		args,
		groupId,
	});
	return pid;
}

function linkOf(pid: number, fd: number | string): string {
	return readlinkSync(`/proc/${pid}/fd/${fd}`);
}

function has(pid: number, link: string): boolean {
	return readdirSync(`/proc/${pid}/fd`).some((fd) => {
		try {
			return linkOf(pid, fd) === link;
		} catch {
			return false;
		}
	});
}

describe.skipIf(process.platform !== "linux")(
	"a stage started with groupId",
	() => {
		it("reads the stage before by a pipe of which the server has no end", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const sleep = await stage(server, groupId, "sleep", "60");
			const pipe = linkOf(sleep, 1);
			expect(pipe).toStartWith("pipe:");
			expect(has(server.pid, pipe)).toBe(true);
			const cat = await stage(server, groupId, "cat");
			expect(linkOf(cat, 0)).toBe(pipe);
			expect(has(server.pid, pipe)).toBe(false);
			expect(
				await server.fails("process_get_output", { pid: sleep }),
			).toMatchObject({
				code: "OUTPUT_NOT_CAPTURED",
				details: { pipedTo: cat },
			});
			expect(
				await server.ok("process_get_output", { pid: sleep, stream: "stderr" }),
			).toMatchObject({ stderr: "" });
			const refusal = await server.fails("process_send_stdin", {
				pid: cat,
				data: "x",
			});
			expect(refusal).toMatchObject({ code: "STDIN_NOT_AVAILABLE" });
			expect(refusal.message).toContain(`process ${sleep} feeds it`);
			expect(
				await server.ok("process_terminate_group", { groupId }),
			).toMatchObject({ terminatedPids: [sleep, cat], survivors: [] });
		});

		it("is pumped where the stage before was read, from its first byte", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const first = await stage(
				server,
				groupId,
				"sh",
				"-c",
				"echo one; sleep 60",
			);
			await eventually(async () => {
				const { stdout } = await server.ok("process_get_output", {
					pid: first,
				});
				return stdout === "one\n" || undefined;
			}, "the first line");
			const head = await stage(server, groupId, "head", "-n", "1");
			expect(await server.outputOf(head)).toMatchObject({ stdout: "one\n" });
		});

		it("gets what one that has ended left in its pipe", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const first = await stage(server, groupId, "seq", "1000");
			await server.waitForEnd(first);
			const count = await stage(server, groupId, "wc", "-l");
			expect((await server.outputOf(count)).stdout.trim()).toBe("1000");
		});

		it("can be tried again after a refusal and a failure, and is fed in full", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const script = "seq 400000; sleep 0.1";
			const first = await stage(server, groupId, "sh", "-c", script);
			const pipe = linkOf(first, 1);
			expect(
				await server.fails("process_start", { executable: "tr", groupId }),
			).toMatchObject({ code: "SECURITY_VIOLATION" });
			await server.fails("process_start", {
				executable: "cat",
				cwd: "/nonexistent",
				groupId,
			});
			expect(has(server.pid, pipe)).toBe(true);
			const count = await stage(server, groupId, "wc", "-l");
			expect(linkOf(count, 0)).toBe(pipe);
			expect((await server.outputOf(count)).stdout.trim()).toBe("400000");
		});

		it("ends its input only when a grandchild of the stage before closes it", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const script = "sleep 60 & echo early";
			const first = await stage(server, groupId, "sh", "-c", script);
			await server.waitForEnd(first);
			const cat = await stage(server, groupId, "cat");
			await eventually(async () => {
				const { stdout } = await server.ok("process_get_output", { pid: cat });
				return stdout === "early\n" || undefined;
			}, "what came before");
			expect(await server.ok("process_get_status", { pid: cat })).toMatchObject(
				{ state: "running" },
			);
			await server.ok("process_terminate", { pid: first, force: true });
			await server.waitForEnd(cat);
		});

		it("holds one back that writes to one that never reads, until both are ended", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const yes = await stage(server, groupId, "yes");
			const sleep = await stage(server, groupId, "sleep", "60");
			const first = async () => {
				const { groups } = await server.ok("process_list");
				return groups[0].members[0];
			};
			const { bytesPassed, flow } = await eventually(async () => {
				const member = await first();
				return member.bytesPassed > 0 ? member : undefined;
			}, "bytes");
			expect(bytesPassed).toBeLessThan(2 * 2 ** 20);
			expect(flow).toBe("piped");
			expect(
				await server.ok("process_terminate_group", { groupId }),
			).toMatchObject({ terminatedPids: [yes, sleep], survivors: [] });
			expect((await first()).flow).not.toBe("piped");
		});

		it("reads its end where one that wrote nothing ends, or closes its output", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			await stage(server, groupId, "sh", "-c", "exec >&-; exec sleep 60");
			const count = await stage(server, groupId, "wc", "-c");
			await server.waitForEnd(count);
			expect((await server.outputOf(count)).stdout.trim()).toBe("0");
		});

		it("ends the one before with a broken pipe when it closes its input but lives on", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const yes = await stage(server, groupId, "yes");
			const deaf = await stage(
				server,
				groupId,
				"sh",
				"-c",
				"exec <&-; exec sleep 60",
			);
			expect(await server.waitForEnd(yes)).toMatchObject({
				termination: { signal: "SIGPIPE" },
			});
			expect(
				await server.ok("process_get_status", { pid: deaf }),
			).toMatchObject({ state: "running" });
		});

		it("is fed while the one before writes much to its standard error", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const loud = "head -c 20000000 /dev/zero >&2; echo done";
			const first = await stage(server, groupId, "sh", "-c", loud);
			const cat = await stage(server, groupId, "cat");
			await server.waitForEnd(cat);
			expect(await server.outputOf(cat)).toMatchObject({ stdout: "done\n" });
			expect(
				await server.ok("process_get_output", {
					pid: first,
					stream: "stderr",
					maxBytes: 1,
				}),
			).toMatchObject({ dropped: { stderr: 20_000_000 - 2 ** 20 } });
		});

		it("is one of three that start at the same time", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const first = await stage(server, groupId, "seq", "300000");
			const cats = await Promise.all(
				[1, 2, 3].map(() => stage(server, groupId, "cat")),
			);
			const { groups } = await server.ok("process_list");
			const pids = groups[0].members.map(({ pid }: { pid: number }) => pid);
			expect(pids.toSorted()).toEqual([first, ...cats].toSorted());
			const { stdout } = await server.outputOf(pids.at(-1) ?? 0);
			expect(stdout).toEndWith("\n300000\n");
			expect(stdout.length).toBe(1_988_895);
		});

		it("ends both its neighbours when it is killed", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const yes = await stage(server, groupId, "yes");
			const cat = await stage(server, groupId, "cat");
			const count = await stage(server, groupId, "wc", "-c");
			await server.ok("process_terminate", { pid: cat, force: true });
			expect(await server.waitForEnd(yes)).toMatchObject({
				termination: { signal: "SIGPIPE" },
			});
			expect(await server.waitForEnd(count)).toMatchObject({
				state: "stopped",
			});
		});

		it("is pumped where the policy has to see what passes", async () => {
			await using server = await TestServer.start({
				...CONFIG,
				blockBinaryStdin: true,
			});
			const groupId = await pipeline(server);
			const sleep = await stage(server, groupId, "sleep", "60");
			const cat = await stage(server, groupId, "cat");
			expect(linkOf(cat, 0)).not.toBe(linkOf(sleep, 1));
		});

		it("is not held back by who reads again and again without cursor", async () => {
			await using server = await TestServer.start(CONFIG);
			const groupId = await pipeline(server);
			const pid = await stage(
				server,
				groupId,
				"head",
				"-c",
				"9000000",
				"/dev/zero",
			);
			await eventually(async () => {
				const { state } = await server.ok("process_get_output", {
					pid,
					maxBytes: 10,
				});
				return state === "running" ? undefined : true;
			}, "its end");
		});
	},
);

describe("process_wait", () => {
	it("sets a last stage free whose output nobody reads", async () => {
		await using server = await TestServer.start(CONFIG);
		const groupId = await pipeline(server);
		const pid = await stage(
			server,
			groupId,
			"head",
			"-c",
			"9000000",
			"/dev/zero",
		);
		expect(
			await server.ok("process_wait", { pid, timeout: 20_000 }),
		).toMatchObject({ event: "exit", exitCode: 0 });
	});
});
