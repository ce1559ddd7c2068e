import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { eventually, TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

/** Methods of the notifications that a client got. */
function noticesOf(server: TestServer): string[] {
	const methods: string[] = [];
	server.client.fallbackNotificationHandler = async ({ method }) =>
		void methods.push(method);
	return methods;
}

const CHANGED = "notifications/resources/list_changed";

const CONFIG = {
	allowedExecutables: ["true", "sleep"],
	maxFinishedProcesses: 1,
};

describe(CHANGED, () => {
	it("comes with a process that starts and with one that is forgotten", async () => {
		await using server = await TestServer.start(CONFIG);
		const notices = noticesOf(server);
		const listed = async () =>
			(await server.client.listResources()).resources.map(({ uri }) => uri);
		/** Waits for a notice, and for the list to be as it should by then. */
		const changes = async (has: (uris: readonly string[]) => boolean) => {
			await eventually(
				() => (notices.includes(CHANGED) ? true : undefined),
				"a notice",
			);
			notices.length = 0;
			await eventually(
				async () => (has(await listed()) ? true : undefined),
				"the list to have changed",
			);
		};
		expect(await listed()).toEqual([]);
		const start = { executable: "sleep", args: ["600"] };
		const first = await server.ok("process_start", start);
		await changes((uris) => uris.includes(`process://${first.pid}/stdout`));
		const second = await server.ok("process_start", start);
		await changes((uris) => uris.includes(`process://${second.pid}/stdout`));
		// The end of one is none of these; that of another has the first one forgotten.
		for (const { pid } of [first, second])
			await server.ok("process_terminate", { pid, force: true });
		await changes(
			(uris) =>
				!uris.includes(`process://${first.pid}/status`) &&
				uris.includes(`process://${second.pid}/status`),
		);
	});

	it("of many processes at once are few, and the last one comes after all of them", async () => {
		await using server = await TestServer.start({
			...CONFIG,
			maxConcurrentProcesses: 50,
		});
		await server.client.listResources();
		const notices = noticesOf(server);
		const began = performance.now();
		await Promise.all(
			Array.from({ length: 30 }, () =>
				server.ok("process_start", { executable: "sleep", args: ["600"] }),
			),
		);
		const before = notices.length;
		expect(before).toBeGreaterThan(0);
		await eventually(
			() => (notices.length > before ? true : undefined),
			"a notice after the last start",
		);
		// Two a second at most, and one at once.
		const took = performance.now() - began;
		expect(notices.length).toBeLessThanOrEqual(2 + took / 500);
		const { resources } = await server.client.listResources();
		expect(resources).toHaveLength(90);
	});

	it("does not come to who never asked for the list", async () => {
		await using server = await TestServer.start(CONFIG);
		const notices = noticesOf(server);
		for (let count = 0; count < 3; count++) {
			const { pid } = await server.ok("process_start", { executable: "true" });
			await server.waitForEnd(pid);
		}
		await server.client.ping();
		expect(notices).toEqual([]);
		await server.client.listResources();
		await server.ok("process_start", { executable: "true" });
		await eventually(
			() => (notices.includes(CHANGED) ? true : undefined),
			"a notice",
		);
	});
});
