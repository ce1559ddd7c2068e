import { describe, expect, it, setDefaultTimeout } from "bun:test";
import type { ConfigInput } from "../../src/config/schema.ts";
import { PYTHON } from "../support/programs.ts";
import { eventually, TestServer } from "../support/server.ts";

setDefaultTimeout(120_000);

const CONFIG: ConfigInput = {
	allowedExecutables: ["cat", "seq", "head", PYTHON],
	argumentValidation: "literal",
};

const python = (program: string) => ({
	executable: PYTHON,
	args: ["-uc", program],
});

describe("process_get_output", () => {
	it("with waitMs answers when something comes, with what came", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const poll = server.ok("process_get_output", { pid, waitMs: 50_000 });
		await server.ok("process_send_stdin", { pid, data: "hello\n" });
		const { stdout, cursor } = await poll;
		expect(stdout).toBe("hello\n");
		const ended = server.ok("process_get_output", {
			pid,
			cursor,
			waitMs: 50_000,
		});
		await server.ok("process_terminate", { pid });
		expect(await ended).toMatchObject({ stdout: "", state: "stopped" });
	});

	it("with pattern gives matching lines with their numbers, in portions", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", {
			executable: "seq",
			args: ["1000"],
			waitFor: { exit: true },
		});
		const read = (args: object) =>
			server.ok("process_get_output", { pid, pattern: "^..?7$", ...args });
		expect((await read({ tailLines: 2 })).stdout).toBe("987:987\n997:997\n");
		let [text, cursor, truncated] = ["", undefined as unknown, true];
		while (truncated) {
			const reply = await read({ maxBytes: 50, cursor });
			text += reply.stdout;
			({ cursor, truncated } = reply);
		}
		const expected = Array.from({ length: 1000 }, (_, index) => index + 1)
			.filter((value) => /^..?7$/.test(String(value)))
			.map((value) => `${value}:${value}\n`);
		expect(text).toBe(expected.join(""));
	});

	it.each([
		[{ encoding: "utf-8", stripAnsi: false }],
		[{ encoding: "base64" }],
	] as const)("with %j follows 20 MB to the byte", async (how) => {
		await using server = await TestServer.start({
			...CONFIG,
			maxOutputBufferSize: 30_000_000,
			maxResponseSize: 1_000_000,
		});
		const { pid } = await server.ok("process_start", {
			...python(`
import os, random
random.seed(7)
letters = bytes(97 + i % 23 for i in range(60023))
n = 0
while n < 20_000_000:
    chunk = letters[n % 23:n % 23 + random.randrange(1, 60000)]
    n += os.write(1, chunk[:20_000_000 - n])`),
		});
		const parts: Buffer[] = [];
		let cursor: string | undefined;
		for (;;) {
			const reply = await server.ok("process_get_output", {
				pid,
				cursor,
				waitMs: 20_000,
				...how,
			});
			parts.push(Buffer.from(reply.stdout, how.encoding));
			expect(reply.dropped.stdout).toBe(0);
			({ cursor } = reply);
			if (reply.state !== "running" && reply.stdout === "") break;
		}
		const whole = Buffer.concat(parts);
		expect(whole.length).toBe(20_000_000);
		const wrong = whole.findIndex((byte, at) => byte !== 97 + (at % 23));
		expect(wrong).toBe(-1);
	});
});

describe("resources", () => {
	it("list, give and follow a process", async () => {
		await using server = await TestServer.start(CONFIG);
		const { client } = server;
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const uri = `process://${pid}/stdout`;
		const { resources } = await client.listResources();
		expect(resources.map((resource) => resource.uri)).toContain(uri);
		expect(
			(await client.listResourceTemplates()).resourceTemplates,
		).toHaveLength(3);
		const updates: string[] = [];
		client.fallbackNotificationHandler = async ({ method, params }) => {
			updates.push(`${method} ${params?.uri}`);
		};
		await client.subscribeResource({ uri });
		await client.subscribeResource({ uri: `process://${pid}/status` });
		await server.ok("process_send_stdin", { pid, data: "hi\n", end: true });
		await server.waitForEnd(pid);
		for (const part of ["stdout", "status"])
			await eventually(
				() =>
					updates.includes(
						`notifications/resources/updated process://${pid}/${part}`,
					) || undefined,
				`an update of ${part}`,
			);
		const { contents } = await client.readResource({ uri });
		expect(contents).toMatchObject([{ uri, text: "hi\n" }]);
		const status = await client.readResource({
			uri: `process://${pid}/status`,
		});
		const [content] = status.contents;
		expect(
			JSON.parse(String(content && "text" in content && content.text)),
		).toMatchObject({ pid, state: "stopped", exitCode: 0 });
		for (const wrong of [
			"process://1/stdout",
			"file:///etc/passwd",
			`process://${pid}/x`,
			`process://0${pid}/stdout`,
		])
			expect(client.readResource({ uri: wrong })).rejects.toThrow();
	});

	it("tell of output no more often than twice a second", async () => {
		await using server = await TestServer.start(CONFIG);
		const { pid } = await server.ok("process_start", { executable: "cat" });
		const updates: string[] = [];
		server.client.fallbackNotificationHandler = async ({ method }) => {
			updates.push(method);
		};
		await server.client.subscribeResource({ uri: `process://${pid}/stdout` });
		const begin = performance.now();
		// However long the program takes to say it again.
		while (updates.length < 4)
			await server.ok("process_send_stdin", { pid, data: "x\n" });
		const seconds = (performance.now() - begin) / 1000;
		expect(new Set(updates)).toEqual(
			new Set(["notifications/resources/updated"]),
		);
		expect(updates.length).toBeLessThanOrEqual(2 * seconds + 2);
	});
});
